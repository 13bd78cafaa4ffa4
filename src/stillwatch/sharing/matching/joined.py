"""The same campaign at several labs: which of our groups continue elsewhere, and what that proves.

Rules
    * Who joins asks about its own groups' marks only. Whoever has none that is equal learns nothing.
    * Another lab's group counts if two bands and one tag more are equal, through a claim of the
      pack's own publisher that is signed and in force here. What fails is counted, by reason.
    * One lab is one witness, however many claims it makes. Found alone or joined, nobody is blocked
      by it: a joined finding says with whom it was found.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from stillwatch.detection.joint import Candidate, Elsewhere, Joined, Part, join
from stillwatch.domain.claim import CampaignClaim, Span, StixId
from stillwatch.domain.identifier import Identifier, Kind, oprf_input
from stillwatch.errors import InputError, NotTrusted
from stillwatch.intel.scales import span
from stillwatch.intel.stix import from_stix
from stillwatch.sharing.board import Entry
from stillwatch.sharing.matching.interface import Tagger, tag_of
from stillwatch.sharing.matching.marks import identifiers
from stillwatch.sharing.matching.record import open_row
from stillwatch.sharing.matching.suspects import Group, Suspected
from stillwatch.sharing.matching.tagset import Candidate as Listed
from stillwatch.sharing.matching.tagset import TagSet

Standing = Callable[[str, str], Entry | str]
"""Claim and publisher -> the claim as it stands here, or why it does not count."""
Voice = Callable[[str], str]
"""Publisher -> the lab that speaks; publishers that may be one lab have one voice."""


@dataclass(frozen=True, slots=True)
class Told:
    """A group of another lab, and what its claim says."""

    publisher: str
    claim: StixId
    name: str
    """Code name of the claim."""
    bands: int
    """Bands that are equal."""
    prompts: int
    """Rare prompts that are equal."""
    p_value: float
    accounts: Span
    exchanges: Span
    first_seen: date
    last_seen: date


@dataclass(frozen=True, slots=True)
class Continued:
    """A group of ours that continues at other labs."""

    name: str
    """Campaign or suspected group of the result."""
    reported: bool
    """Whether our own evidence found it."""
    own_p_value: float
    joint_p_value: float
    found_with: tuple[str, ...]
    """Publishers with whose evidence it was found; empty if it does not pass, or was found alone."""
    promoted: tuple[str, ...]
    """Our accounts that are reported by joint evidence only. They stay here."""
    told: tuple[Told, ...]
    accounts: Span
    """Over all labs: sums of ranges, so a range."""
    exchanges: Span
    first_seen: date
    last_seen: date


@dataclass(frozen=True, slots=True)
class Continuations:
    """What came of joining one result."""

    groups: tuple[Continued, ...]
    asked: int
    """Marks of ours that were asked about."""
    matched: int
    """Of these, marks that another lab lists."""
    likely: int = 0
    """Groups of others that share marks with ours, but not enough of them."""
    ignored: Mapping[str, int] = field(default_factory=dict)
    """Rows without effect, by reason."""


def continuations(
    suspected: Suspected,
    taggers: Sequence[Tagger],
    tags: TagSet,
    standing: Standing,
    own: StixId,
    voice: Voice = str,
    today: date | None = None,
) -> Continuations:
    """Which groups of a result continue at other labs, and what joint evidence says of them.

    ``taggers`` are those of the epochs in which tags are looked up. Rows of our ``own`` are passed
    over. Raises ``PeerError`` if no quorum answers, ``NotTrusted`` if one answers wrongly.
    """
    found = _Found(standing, own, today or datetime.now(UTC).date())
    places = _places(suspected.groups)
    for tagger in taggers:
        found.look_up(list(places), tagger, tags)
    per_group = [_told(found, own_marks) for own_marks in map(identifiers, suspected.groups)]
    elsewhere = [tuple(_elsewhere(one, voice) for one in told) for told in per_group]
    candidates = [
        Candidate(frozenset(group.accounts), group.p_value, group.reported, parts)
        for group, parts in zip(suspected.groups, elsewhere, strict=True)
    ]
    joined = join(candidates, suspected.tested, suspected.fdr, suspected.least)
    return Continuations(
        tuple(
            _continued(suspected.groups[one.number], one, per_group[one.number]) for one in joined
        ),
        len(places),
        len(found.marks),
        len({(one.lab, one.claim) for parts in elsewhere for one in parts if not one.same}),
        dict(sorted(found.ignored.items())),
    )


def _places(groups: Iterable[Group]) -> dict[Identifier, None]:
    """Every mark once, in order."""
    return dict.fromkeys(mark for group in groups for mark in identifiers(group))


class _Found:
    """Claims of other labs under each of our marks."""

    def __init__(self, standing: Standing, own: StixId, today: date) -> None:
        self._standing, self._own, self._today = standing, own, today
        self.marks: dict[Identifier, set[tuple[str, StixId]]] = defaultdict(set)
        """Publishers and claims that list a mark."""
        self.claims: dict[tuple[str, StixId], CampaignClaim] = {}
        self.ignored = Counter[str]()

    def look_up(self, marks: Sequence[Identifier], tagger: Tagger, tags: TagSet) -> None:
        """Ask for the marks' outputs in one epoch, and open the rows under their tags."""
        epoch = tagger.epoch.name
        outputs = tagger.outputs([oprf_input(mark, epoch) for mark in marks], proven=False)
        rows = tags.lookup([tag_of(output) for output in outputs])
        for mark, output, listed in zip(marks, outputs, rows, strict=True):
            for one in listed:
                if one.publisher == self._own:
                    continue
                why = self._open(one, output, epoch, mark)
                if why:
                    self.ignored[why] += 1

    def _open(self, listed: Listed, output: bytes, epoch: str, mark: Identifier) -> str:
        """Note the claim behind a row; or say why it has no effect."""
        if listed.epoch != epoch:
            return "of another epoch"
        try:
            record = open_row(listed.row, output, listed.publisher, listed.epoch)
        except NotTrusted:
            return "does not open"
        if record.kind != mark.kind.value:
            return "says another kind of mark than it stands under"
        if record.ended(self._today):
            return "has expired"
        place = (str(listed.publisher), record.claim)
        if place not in self.claims:
            claim = self._claim(*place)
            if isinstance(claim, str):
                return claim
            self.claims[place] = claim
        self.marks[mark].add(place)
        return ""

    def _claim(self, publisher: str, claim: StixId) -> CampaignClaim | str:
        entry = self._standing(claim, publisher)
        if isinstance(entry, str):
            return entry
        if entry.weight.value <= 0:
            return f"its claim counts nothing: {'; '.join(entry.weight.why)}"
        try:
            said = from_stix(entry.received.body)
        except InputError:
            return "its claim cannot be read"
        return said if isinstance(said, CampaignClaim) else "its claim is no campaign's"


def _told(found: _Found, marks: Sequence[Identifier]) -> list[Told]:
    """The claims that share marks with one group."""
    bands, prompts = Counter[tuple[str, StixId]](), Counter[tuple[str, StixId]]()
    for mark in marks:
        (bands if mark.kind is Kind.SKELETON_BAND else prompts).update(found.marks.get(mark, ()))
    return [_as_told(place, found.claims[place], bands[place], prompts[place])
            for place in sorted({*bands, *prompts})]  # fmt: skip


def _as_told(place: tuple[str, StixId], said: CampaignClaim, bands: int, prompts: int) -> Told:
    publisher, claim = place
    return Told(
        publisher, claim, said.name, bands, prompts, said.p_value,
        said.accounts, said.exchanges, said.first_seen, said.last_seen,
    )  # fmt: skip


def _elsewhere(told: Told, voice: Voice) -> Elsewhere:
    """A claim as evidence: of a range of accounts the least."""
    part = Part(told.p_value, max(1, told.accounts.low))
    return Elsewhere(voice(told.publisher), told.claim, part, told.bands, told.prompts)


def _continued(group: Group, joined: Joined, told: Sequence[Told]) -> Continued:
    claims = {one.claim for one in joined.elsewhere}
    used = tuple(one for one in told if one.claim in claims)
    passed = tuple(dict.fromkeys(one.publisher for one in used)) if joined.promoted else ()
    return Continued(
        group.name,
        group.reported,
        group.p_value,
        joined.p_value,
        passed,
        tuple(sorted(joined.promoted)),
        used,
        _sum([span(len(group.accounts)), *(one.accounts for one in used)]),
        _sum([span(group.events), *(one.exchanges for one in used)]),
        min([group.first_seen.date(), *(one.first_seen for one in used)]),
        max([group.last_seen.date(), *(one.last_seen for one in used)]),
    )


def _sum(spans: Iterable[Span]) -> Span:
    """Sum of ranges: from the sum of the least to the sum of the most."""
    several = list(spans)
    return Span(sum(one.low for one in several), sum(one.high for one in several))
