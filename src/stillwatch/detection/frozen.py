"""What a judgement of a whole log leaves for those that look at a part of it later.

Statistics of the population (what is ordinary, the null of scores, the yardstick of groups) stay as
they were; who holds which wording is kept, so that the accounts that an account has to do with are
found without asking all. Nothing here refers to the profiles: they go on changing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch.campaigns.carriers import holdings
from stillwatch.campaigns.streams import streams_of
from stillwatch.detection.groups import Wording
from stillwatch.detection.held import Held
from stillwatch.detection.judge import Alone, DetectionOptions, Judgement
from stillwatch.detection.pooled import Yardstick
from stillwatch.profiles.index import Index
from stillwatch.profiles.merge import Profiles

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Keys = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Group:
    """A group that was proposed."""

    label: int
    """Its scaffold."""
    p_value: float


@dataclass(slots=True)
class Frozen:
    """A judgement's statistics. Accounts are numbered; new ones get the next numbers."""

    options: DetectionOptions
    alone: Alone
    """Without values of single accounts."""
    yardstick: Yardstick
    self_calibrated: bool
    tactic_mask: int
    numbers: Index
    names: list[str]
    """Ids by number."""
    p_values: Floats
    """Of accounts alone, 1 where they are not judged or exempt; shape (accounts,)."""
    judged: Bools
    """Which accounts count among those tested alone."""
    events: Ints
    wording: Wording
    groups: tuple[Group, ...]
    least_p: dict[int, float]
    """Least p-value of the groups of each scaffold, 0 where it is of a reported campaign."""
    campaigns: tuple[tuple[frozenset[int], frozenset[int]], ...]
    """Accounts of each reported campaign, and the scaffolds that they carry."""
    skeletons: Held
    """Accounts and the shingles of their skeletons."""
    carriers: Held
    """Accounts and the scaffolds that they carry."""
    holders: Held
    """Accounts and the phrases (places in ``wording.keys``) that they hold anywhere."""

    @classmethod
    def of(
        cls,
        judgement: Judgement,
        profiles: Profiles,
        account_ids: Sequence[str],
        exempt: Bools,
        options: DetectionOptions,
    ) -> "Frozen":
        """What is kept of a judgement of all ``profiles``; ``options`` are its own."""
        numbers = Index()
        numbers.rows(pa.array(account_ids, pa.string()))
        groups, alone = judgement.groups, judgement.alone
        wording = _labelled(groups.wording)
        streams = streams_of(profiles)
        owner = np.repeat(streams.owner, np.diff(streams.key_starts))
        usable = ~exempt[owner]
        rows, places = holdings(profiles, wording.keys, ~exempt)
        test = judgement.yardstick.test(groups.figures)
        counted = alone.judged & ~exempt
        proposed = tuple(
            Group(int(wording.scaffold[group[0]]), p)
            for group, p in zip(groups.proposed, test.p_values.tolist(), strict=True)
        )
        campaigns = tuple(
            (frozenset(members.tolist()), frozenset(wording.scaffold[part].tolist()))
            for members, part in zip(
                judgement.campaigns.members, judgement.campaigns.streams, strict=True
            )
        )
        nothing = np.empty((0, alone.signals.shape[1]))
        none = np.empty(0)
        return cls(
            options=options,
            alone=Alone(
                alone.reference, alone.ordinary, nothing, nothing, none, none,
                np.empty(0, dtype=np.bool_), alone.benign, alone.null, alone.least,
            ),
            yardstick=judgement.yardstick,
            self_calibrated=judgement.self_calibrated,
            tactic_mask=groups.tactic_mask,
            numbers=numbers,
            names=list(account_ids),
            p_values=np.where(counted, alone.p_values, 1.0),
            judged=counted,
            events=profiles["events"].astype(np.int64),
            wording=wording,
            groups=proposed,
            least_p=_least(proposed, campaigns),
            campaigns=campaigns,
            skeletons=Held(owner[usable], streams.keys[usable]),
            carriers=Held(groups.streams.owner, wording.scaffold),
            holders=Held(rows, places),
        )  # fmt: skip

    def number(self, account_ids: Sequence[str]) -> Ints:
        """Numbers of accounts, new ones included."""
        found = self.numbers.rows(pa.array(account_ids, pa.string()))
        more = len(self.numbers) - self.p_values.size
        if more:
            self.names += self.numbers.names(len(self.names))
            self.p_values = np.concatenate([self.p_values, np.ones(more)])
            self.judged = np.concatenate([self.judged, np.zeros(more, dtype=np.bool_)])
            self.events = np.concatenate([self.events, np.zeros(more, dtype=np.int64)])
        return found


def _least(
    groups: Sequence[Group], campaigns: Sequence[tuple[frozenset[int], frozenset[int]]]
) -> dict[int, float]:
    found: dict[int, float] = {}
    for group in groups:
        found[group.label] = min(found.get(group.label, 1.0), group.p_value)
    return found | {label: 0.0 for _, labels in campaigns for label in labels}


def _labelled(wording: Wording | None) -> Wording:
    """Without phrases that are part of no scaffold."""
    assert wording is not None
    told = (wording.labels >= 0).any(axis=0)
    return Wording(wording.keys[told], wording.labels[:, told].copy(), wording.scaffold)
