"""Screening: identifiers → outputs → rows → opened records → the claims behind them → a lead.

Rules
    * A record counts only if it opens, is of the epoch asked, says the kind that was asked, and
      names a claim that its own publisher signed. What fails one of these is counted, by reason,
      and has no effect.
    * Outputs and tags of subjects are used and dropped: no table of them is kept.
    * A sign-up is never held up by a fault of ours: where evaluators, packs or the store cannot be
      used the lead says ``screened: false`` and why. ``strict`` raises instead.
    * A whole base is no sign-up: there, a fault stops the work, which can be taken up again.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol, Self

from stillwatch.domain.identifier import Identifier, oprf_input
from stillwatch.domain.lead import Lead
from stillwatch.errors import NotTrusted, PeerError, StillwatchError
from stillwatch.sharing.board import Entry
from stillwatch.sharing.matching.interface import tag_of
from stillwatch.sharing.matching.labs import Labs, Newest
from stillwatch.sharing.matching.leads import Held, Match, Voices, lead
from stillwatch.sharing.matching.record import Record, open_row
from stillwatch.sharing.matching.tagset import MOST_ROWS, Candidate, TagSet
from stillwatch.sharing.matching.thresholds import Thresholds, load_thresholds
from stillwatch.sharing.matching.worth import Missing, Worth
from stillwatch.sharing.settings import Settings, load_settings
from stillwatch.store.database import Store

CHUNK: Final = 50_000
"""Identifiers that are asked about together."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A sign-up or customer: the caller's name for it, and its identifiers."""

    name: str
    identifiers: Sequence[Identifier]
    own_evidence: tuple[str, ...] = ()
    """What the lab itself holds against it: names of findings or cases."""


@dataclass(frozen=True, slots=True)
class Screened:
    """What came of a chunk."""

    leads: list[Lead]
    """One a subject, in order."""
    evaluated: int
    """Inputs that were asked, each once."""
    ignored: Counter[str] = field(default_factory=Counter)


class Asking(Protocol):
    """What screening needs of those who evaluate: ``labs.Labs`` is one."""

    def outputs(
        self, inputs: Sequence[bytes], epoch: str, until: float | None = None
    ) -> list[bytes]:
        """Outputs in the order of the inputs, by an instant of ``time.monotonic`` if one is given.

        Raises ``PeerError`` if no quorum answers in time.
        """

    def epochs(self) -> Sequence[str]:
        """Epochs under whose keys subjects are to be looked for today."""


class Screener:
    """Looks subjects up among what other labs listed. May be used by several threads."""

    def __init__(
        self,
        asking: Asking,
        tags: Callable[[], TagSet],
        worth: Worth,
        thresholds: Thresholds,
        voices: Callable[[], Voices],
        *,
        deadline_s: float = 1.0,
        strict: bool = False,
    ) -> None:
        """``tags`` and ``voices`` give the newest set, and whom we know, whenever they are called."""
        self._asking, self._tags, self._worth = asking, tags, worth
        self._thresholds, self._voices = thresholds, voices
        self._deadline_s, self._strict = deadline_s, strict

    @classmethod
    @contextmanager
    def from_config(cls, path: Path, *, strict: bool = False) -> Iterator[Self]:
        """Everything a lab's settings name: store, tag set, evaluators; closed with the block.

        Raises ``ConfigError`` for settings, key or thresholds that cannot be used.
        """
        settings = load_settings(path)
        with closing(Store(settings.store)) as store, closing(Labs(settings, store)) as labs:
            yield cls.over(settings, store, labs, strict=strict)

    @classmethod
    def over(cls, settings: Settings, store: Store, labs: Labs, *, strict: bool = False) -> Self:
        """Over what is open already."""
        said = settings.matching
        return cls(
            labs,
            Newest(settings.tags),
            Worth(store, said.stale_days),
            load_thresholds(said.leads),
            labs.voices,
            deadline_s=said.deadline_ms / 1000,
            strict=strict,
        )

    def screen(
        self,
        identifiers: Sequence[Identifier],
        *,
        subject: str = "",
        own_evidence: Sequence[str] = (),
        ignored: Counter[str] | None = None,
    ) -> Lead:
        """The lead of one sign-up, within the deadline; never raises unless ``strict``."""
        until = time.monotonic() + self._deadline_s
        asked = Subject(subject, identifiers, tuple(own_evidence))
        try:
            (found,) = self.chunk([asked], until, ignored).leads
        except Exception as error:
            if self._strict:
                raise
            return unscreened(subject, error)
        return found

    def screen_many(self, subjects: Iterable[Subject]) -> Iterator[Lead]:
        """A lead for each subject, in order, in chunks of flat memory. Raises what fails."""
        for several in chunked(subjects):
            yield from self.chunk(several).leads

    def chunk(
        self,
        subjects: Sequence[Subject],
        until: float | None = None,
        ignored: Counter[str] | None = None,
    ) -> Screened:
        """Leads of subjects that are asked about together. Raises ``StillwatchError``."""
        tags = self._tags()
        epochs = self._epochs(tags)
        names = [f"{s.name}" for s in subjects]
        found: list[list[Match]] = [[] for _ in names]
        counts = [Counter(ignored or {}) for _ in names]
        evaluated = 0
        for epoch in epochs:
            inputs = dict[bytes, list[tuple[int, int]]]()
            for row, one in enumerate(subjects):
                for part, identifier in enumerate(one.identifiers):
                    inputs.setdefault(oprf_input(identifier, epoch), []).append((row, part))
            outputs = self._asking.outputs(list(inputs), epoch, until)
            evaluated += len(outputs)
            rows = tags.lookup([tag_of(output) for output in outputs])
            for places, output, candidates in zip(inputs.values(), outputs, rows, strict=True):
                if not candidates:
                    continue
                opened = [(one, _opened(one, output, epoch)) for one in candidates]
                over = 0
                if len(candidates) >= MOST_ROWS:
                    over = tags.passed_over(tag_of(output))
                for row, part in places:
                    kind = subjects[row].identifiers[part]
                    if over:
                        counts[row]["more rows of one publisher than are looked at"] += over
                    for candidate, record in opened:
                        match = self._matched(candidate, record, kind, part)
                        if isinstance(match, Match):
                            found[row].append(match)
                        else:
                            counts[row][match] += 1
        return self._led(subjects, found, counts, evaluated)

    def _led(
        self,
        subjects: Sequence[Subject],
        found: Sequence[Sequence[Match]],
        counts: Sequence[Counter[str]],
        evaluated: int,
    ) -> Screened:
        if not any(found) and not any(counts):
            return Screened([Lead(one.name) for one in subjects], evaluated)
        now, voices = datetime.now(UTC), self._voices()
        held = self._worth.held(now) if any(found) else None
        total = Counter[str]()
        leads = list[Lead]()
        for one, matches, ignored in zip(subjects, found, counts, strict=True):
            total.update(ignored)
            leads.append(self._lead(one, matches, ignored, voices, now, held))
        return Screened(leads, evaluated, total)

    def _lead(
        self,
        one: Subject,
        matches: Sequence[Match],
        ignored: Counter[str],
        voices: Voices,
        now: datetime,
        held: Held | None,
    ) -> Lead:
        if not matches and not ignored:
            return Lead(one.name)
        return lead(
            one.name, matches, self._thresholds, voices, now.date(),
            own_evidence=one.own_evidence, ignored=ignored, held=held,
        )  # fmt: skip

    def _epochs(self, tags: TagSet) -> list[str]:
        """Epochs to ask: those of today in which anybody listed anything."""
        if not tags.sources:
            raise StillwatchError(
                "no pack of another lab is here", hint="`stillwatch share pull` fetches them"
            )
        today = self._asking.epochs()
        listed = {source.epoch for source in tags.sources}
        asked = [epoch for epoch in today if epoch in listed]
        if not asked:
            raise StillwatchError(
                f"packs are here for {', '.join(sorted(listed))}, but today's epoch is"
                f" {' or '.join(today) or 'not known'}",
                hint="`stillwatch share pull` fetches newer ones",
            )
        return asked

    def _matched(
        self, candidate: Candidate, record: Record | str, asked: Identifier, part: int
    ) -> Match | str:
        """The match that a record is for an identifier, or why it has no effect."""
        if isinstance(record, str):
            return record
        if record.kind != asked.kind.value:
            return "says another kind of identifier than it stands under"
        entry = self._worth.of(record.claim, candidate.publisher)
        if isinstance(entry, Missing):
            return entry.why
        return _match(record, candidate, entry, asked, part)


def _opened(candidate: Candidate, output: bytes, epoch: str) -> Record | str:
    """The record of a row, or why there is none."""
    if candidate.epoch != epoch:
        return "of another epoch"
    try:
        return open_row(candidate.row, output, candidate.publisher, candidate.epoch)
    except NotTrusted:
        return "does not open"


def _match(
    record: Record, candidate: Candidate, entry: Entry, asked: Identifier, part: int
) -> Match:
    stated = entry.received.body.get("confidence")
    return Match(
        part=part,
        kind=asked.kind,
        publisher=candidate.publisher,
        claim=record.claim,
        actor=str(entry.received.body.get("name", "")),
        epoch=candidate.epoch,
        first_seen=record.first_seen,
        last_seen=record.last_seen,
        expires=record.until,
        confidence=record.confidence,
        tactic=record.tactic,
        standing=entry.state,
        stated=stated if isinstance(stated, int) else 0,
        weight=entry.weight,
        confirmed=entry.confirmed,
        refuted=entry.refuted,
    )


def chunked(subjects: Iterable[Subject], size: int = CHUNK) -> Iterator[list[Subject]]:
    """Whole subjects, until they have about ``size`` identifiers."""
    several, count = list[Subject](), 0
    for one in subjects:
        several.append(one)
        count += max(1, len(one.identifiers))
        if count >= size:
            yield several
            several, count = [], 0
    if several:
        yield several


def unscreened(subject: str, error: Exception) -> Lead:
    """The lead of a sign-up about which nothing could be found out."""
    why = str(error) if isinstance(error, StillwatchError) else f"a fault ({type(error).__name__})"
    trying = "; it passes" if isinstance(error, PeerError) else ""
    return Lead(subject, why=(f"not screened: {why}{trying}",), screened=False)
