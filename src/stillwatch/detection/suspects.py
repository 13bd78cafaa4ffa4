"""Suspected groups: too weak to be reported here, strong enough to ask other labs about.

A job that is spread over labs leaves a third of itself at each, and a third may not pass by itself.
What passes a lower bar is kept with its honest p-value, so that evidence of several labs can be
joined later (``detection.joint``). Nobody is flagged by it.

Rules
    * The bar is ``BAR``: one natural group in ten comes this far, and where jobs of the simulator
      are cut into thirds, few thirds stay behind it. A wider bar finds no more (bench/RESULTS.md).
    * Of groups that overlap, the strongest stands for all: what is told of the others would tell
      the same accounts twice. All are kept, because which of them is the same as another lab's is not known yet.
    * Groups of fewer accounts than a campaign has are kept, too: alone they are never reported.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stillwatch.campaigns.skeletons import LeftOut, Marks, marks_of
from stillwatch.detection.groups import working
from stillwatch.detection.judge import Judgement
from stillwatch.detection.pooled import FEWEST
from stillwatch.profiles.merge import Profiles

Ints = npt.NDArray[np.int64]

BAR = 0.1
"""Largest p-value of a suspected group."""
MOST = 400
"""Groups kept at most, the strongest; so many stand out in no log that was judged right."""
_APART = 0.8  # share of a group's accounts that no stronger one has, to stand for itself


@dataclass(frozen=True, slots=True)
class Suspect:
    """One suspected group."""

    accounts: Ints
    """Rows of the accounts that do their part, ascending."""
    p_value: float
    """Against natural groups of this log."""
    index: float
    """The same in spreads of natural groups, as the yardstick tells them."""
    campaign: int
    """Number of the reported campaign that it is, -1 for none."""
    stands: bool
    """Whether it stands for the groups that it overlaps with."""
    marks: Marks


@dataclass(frozen=True, slots=True)
class Suspects:
    """All suspected groups of one log, campaigns first, then by p-value."""

    groups: tuple[Suspect, ...]
    tested: int
    """Groups that were looked at: what a rate of false discoveries counts over."""
    bar: float
    beyond: int
    """Groups that passed the bar, but were more than are kept."""
    left: LeftOut


def suspects_of(judgement: Judgement, fdr: float) -> Suspects:
    """The campaigns and suspected groups of a judgement, and what may be compared of them."""
    groups, campaigns = judgement.groups, judgement.campaigns
    proposed = [*groups.proposed, *groups.small]
    figures = np.concatenate([groups.figures, groups.measure(groups.small)])
    test = judgement.yardstick.test(figures)
    bar = max(BAR, fdr)
    passed = np.flatnonzero(test.p_values <= bar)
    if judgement.yardstick.figures.shape[0] < FEWEST:
        passed = passed[:0]
    order = passed[np.lexsort((passed, test.p_values[passed]))].tolist()
    beyond = max(0, len(order) - MOST)
    streams = [*campaigns.streams, *(working(groups, proposed[row]) for row in order[:MOST])]
    marks, left = marks_of(groups.profiles, groups.streams, streams)
    p_values = [*campaigns.test.p_values.tolist(), *test.p_values[order].tolist()]
    index = [*campaigns.test.index.tolist(), *test.index[order].tolist()]
    members = [groups.accounts(part) for part in streams]
    stands = _standing(members, groups.profiles.size)
    found = tuple(
        Suspect(
            members[n], p_values[n], index[n],
            n if n < len(campaigns.streams) else -1, stands[n], marks[n],
        )
        for n in range(len(streams))
    )  # fmt: skip
    return Suspects(found, len(proposed), bar, beyond, left)


def _standing(members: Sequence[Ints], accounts: int) -> list[bool]:
    """Which groups have enough accounts that none of those before them stands for."""
    taken = np.zeros(accounts, dtype=np.bool_)
    stands = []
    for rows in members:
        stands.append(bool(rows.size) and bool((~taken[rows]).mean() >= _APART))
        if stands[-1]:
            taken[rows] = True
    return stands


def spans_of(profiles: Profiles, rows: Ints) -> tuple[int, int, int]:
    """Requests, first and last microsecond of some accounts."""
    part = profiles[rows]
    return (
        int(part["events"].sum()),
        int(part["first_seen"].min()),
        int(part["last_seen"].max()),
    )
