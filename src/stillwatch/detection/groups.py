"""Groups that could be campaigns: found by their skeletons, measured for cohesion, chosen by test.

A group is a set of streams (``campaigns.streams``), one scaffold in several accounts' traffic.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from stillwatch.campaigns.cluster import groups_of
from stillwatch.campaigns.cohesion import cohesion
from stillwatch.campaigns.linking import KERNELS, Linker
from stillwatch.campaigns.streams import Streams
from stillwatch.detection.calibration import benjamini_hochberg
from stillwatch.detection.pooled import GroupTest, Yardstick
from stillwatch.profiles.estimators import sampled
from stillwatch.profiles.merge import Profiles

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

PARTS = 4
"""Fewest accounts of a part of a job whose other parts are at other labs."""
_JOIN = 0.2  # a group of which less is left over belongs to the campaign that has the rest
_SAME = 0.6  # share of a group that must be in one campaign for the rest to join it
_PART = 0.15  # of what is usual in its campaign, that a member does


@dataclass(frozen=True, slots=True)
class Wording:
    """Scaffolds, and which stream carries which."""

    keys: npt.NDArray[np.uint32]
    """Phrases, ascending."""
    labels: Ints
    """Scaffolds of each phrase by level, -1 for none, see ``cluster.scaffolds``."""
    scaffold: Ints
    """Scaffold of each stream."""


@dataclass(frozen=True, slots=True)
class Groups:
    """Proposed groups of one log."""

    profiles: Profiles
    streams: Streams
    tactic_mask: int
    proposed: list[Ints]
    """Streams of each group."""
    figures: Floats
    """Cohesion of each group."""
    small: list[Ints] = field(default_factory=list)
    """Groups of fewer accounts than a campaign has, but at least ``PARTS``: perhaps parts of a job."""
    wording: Wording | None = None
    """What was looked for; None where groups are given."""

    @classmethod
    def find(
        cls,
        profiles: Profiles,
        usable: npt.NDArray[np.bool_],
        tactic_mask: int,
        *,
        least: int,
        linker: Linker = KERNELS,
    ) -> "Groups":
        """Propose groups of at least ``least`` of the ``usable`` accounts, and measure them."""
        linked = linker.carried(profiles, usable)
        wording = Wording(linked.keys, linked.labels, linked.scaffold)
        return cls.of(profiles, linked.streams, wording, tactic_mask, least=least, linker=linker)

    @classmethod
    def of(
        cls,
        profiles: Profiles,
        streams: Streams,
        wording: "Wording",
        tactic_mask: int,
        *,
        least: int,
        linker: Linker = KERNELS,
    ) -> "Groups":
        """The groups of streams that carry one scaffold each."""
        proposed, small = list[Ints](), list[Ints]()
        for group in groups_of(streams, wording.scaffold, min(least, PARTS)):
            (proposed if group.size >= least else small).append(group)  # a stream an account
        figures = linker.figures(profiles, streams, proposed, tactic_mask)
        return cls(profiles, streams, tactic_mask, proposed, figures, small, wording)

    def measure(self, groups: list[Ints]) -> Floats:
        """Cohesion of other groups of streams."""
        return cohesion(self.profiles, self.streams, groups, self.tactic_mask)

    def accounts(self, group: Ints) -> Ints:
        """Rows of the accounts of a group of streams, ascending."""
        return np.unique(self.streams.owner[group])


@dataclass(frozen=True, slots=True)
class Chosen:
    """The reported campaigns, the most significant first."""

    members: list[Ints]
    """Rows of the accounts."""
    streams: list[Ints]
    """The scaffolded streams."""
    test: GroupTest


def choose(
    groups: Groups,
    yardstick: Yardstick,
    test: GroupTest,
    *,
    fdr: float,
    least: int,
    elsewhere: Floats | None = None,
) -> Chosen:
    """Benjamini-Hochberg over all proposed groups, then disjoint campaigns of the significant.

    ``elsewhere`` are p-values of groups of the same log that are not among these.

    Proposals overlap. The strongest comes first, whatever its size: two jobs in one group are more
    accounts, and less alike. A later one reports what is left of it, if that is large enough and
    as significant without the accounts reported already. A small rest of a group whose bulk is in
    one campaign joins that campaign. In the end, who only tried the scaffold is left out.
    """
    all_ = test.p_values if elsewhere is None else np.concatenate([test.p_values, elsewhere])
    rejected = benjamini_hochberg(all_, fdr)
    passed = rejected[: test.p_values.size]
    bar = all_[rejected].max(initial=0.0)
    order = np.flatnonzero(passed)
    order = order[np.lexsort((order, -yardstick.strength(test.figures[order])))]
    owner = groups.streams.owner
    campaign = np.full(groups.profiles.size, -1, dtype=np.int64)
    members: list[list[Ints]] = []
    figures: list[Floats] = []
    for row in order.tolist():
        group = groups.proposed[row]
        free = group[campaign[owner[group]] < 0]
        rest, whole = groups.accounts(free), groups.accounts(group)
        if not rest.size:
            continue
        measured = groups.figures[row : row + 1]
        if rest.size < whole.size:
            home = _home(campaign[whole], whole.size)
            if rest.size <= _JOIN * whole.size and home >= 0:
                campaign[rest] = home
                members[home].append(free)
                continue
            if rest.size < least:
                continue
            measured = groups.measure([free])
            if yardstick.test(measured).p_values[0] > bar:
                continue
        campaign[rest] = len(members)
        members.append([free])
        figures.append(measured)
    streams = [working(groups, np.concatenate(parts)) for parts in members]
    found = yardstick.test(np.concatenate([groups.figures[:0], *figures]))
    ranked = np.argsort(-found.index, kind="stable").tolist()
    streams = [streams[campaign] for campaign in ranked]
    return Chosen([groups.accounts(s) for s in streams], streams, found.take(ranked))


def working(groups: Groups, members: Ints) -> Ints:
    """Streams of the accounts that do their part of a campaign.

    Someone who met the scaffold and tried it a few times carries it much less than is usual in the
    campaign, by number of different prompts and by share of the account's sample. Usual is what the
    account behind half of the work does, or more: many who tried do not make trying usual.
    """
    row, slot = groups.streams.events(members)
    prompt = groups.profiles["sample_prompt"][row, slot].astype(np.int64)
    owners, work = np.unique(np.unique(np.stack([row, prompt]), axis=1)[0], return_counts=True)
    share = work / sampled(groups.profiles[owners])
    part = (work >= _PART * _usual(work.astype(np.float64), work)) | (
        share >= _PART * _usual(share, work)
    )
    return members[np.isin(groups.streams.owner[members], owners[part])]


def _usual(amounts: Floats, work: Ints) -> float:
    """Median of the amounts, each counted once for every prompt of the account."""
    order = np.argsort(amounts, kind="stable")
    middle = np.searchsorted(np.cumsum(work[order]), work.sum() / 2)
    return float(amounts[order[middle]])


def _home(campaigns: Ints, size: int) -> int:
    """The campaign that most of a group's accounts are in, -1 if none has enough of them."""
    numbers, counts = np.unique(campaigns[campaigns >= 0], return_counts=True)
    if not counts.size or counts.max() < _SAME * size:
        return -1
    return int(numbers[counts.argmax()])
