"""The test of a group: one job, or people with something in common.

A hundred accounts that each look a little odd in the same way look very odd together. But so do
the members of any natural group (one campus, one framework, one class): their oddities are
shared too, and templated products are odder than any campaign. What sets a job apart is
*cohesion* (``campaigns.cohesion``): its accounts are exchangeable in every respect at once, and
they share the prompts out. The yardstick is natural groups of the same log: accounts that hold
one common key, whatever the key.

    index    sum of facets, in spreads of natural groups of the same size
    p-value  its upper tail, by Student's t: the spread is estimated from few groups.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls
from scipy.special import stdtr

from stillwatch.campaigns.cohesion import NAMES, cohesion
from stillwatch.campaigns.keys import Keys
from stillwatch.profiles.merge import Profiles

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FACETS: dict[str, float] = {
    "locality": -1.0,
    "overlap": -1.0,
    "content_unity": 1.0,
    "hour_unity": 1.0,
    "marks_unity": 1.0,
    "model_unity": 1.0,
    "core_tactic": 0.5,
}
"""Cohesion figures in the index, with direction and weight. Equal weights were within sampling
error of weights fitted by logistic regression on simulated worlds, and cannot overfit them."""

_FAR = 3.0  # spreads; a facet beyond this adds nothing
_NATURAL = 300  # natural groups used as yardstick, at most
_MEMBERS = 200  # members of a natural group that are looked at, at most
_LEAST = 4
_FEWEST = 20  # natural groups without which nothing can be said
_CLASSES = 4  # of size, in the regression of the spread, at most
_PER_CLASS = 25  # natural groups; fewer per class make the spread a matter of luck


@dataclass(frozen=True, slots=True)
class GroupTest:
    """Cohesion of groups against natural groups; one row per group."""

    figures: Floats
    """Cohesion figures, shape (groups, len(cohesion.NAMES))."""
    spreads: Floats
    """Each figure in spreads of the natural groups, 0 where not observed."""
    index: Floats
    p_values: Floats
    natural: Floats
    """Figures of the natural groups, for percentiles."""

    def take(self, rows: Ints) -> "GroupTest":
        """The test of some of the groups."""
        return GroupTest(
            self.figures[rows],
            self.spreads[rows],
            self.index[rows],
            self.p_values[rows],
            self.natural,
        )


def group_test(
    profiles: Profiles, groups: list[Ints], natural: list[Ints], tactic_mask: int
) -> GroupTest:
    """Test ``groups`` against ``natural`` groups (rows of ``profiles``).

    A group whose prompts share no skeleton shows no job: index 0 and p = 1.
    """
    yardstick = cohesion(profiles, natural, tactic_mask)
    figures = cohesion(profiles, groups, tactic_mask)
    centre, scale = _centre_and_scale(yardstick)
    spreads = _spreads(figures, centre, scale)
    cored = ~np.isnan(figures[:, NAMES.index("locality")])
    null = _index(_spreads(yardstick, centre, scale))
    index, p_values = np.zeros(len(groups)), np.ones(len(groups))
    if cored.any() and null.size >= _FEWEST:
        tail = _Tail.fit(null, _sizes(natural))
        index[cored] = tail.deviates(_index(spreads[cored]), _sizes(groups)[cored])
        p_values[cored] = stdtr(null.size / _CLASSES, -index[cored])
    return GroupTest(figures, spreads, index, p_values, yardstick)


def _sizes(groups: list[Ints]) -> Floats:
    return np.array([group.size for group in groups], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class _Tail:
    """How far natural groups stray: a variance of their own, and one that shrinks with size."""

    centre: float
    shared: float
    single: float

    @classmethod
    def fit(cls, index: Floats, sizes: Floats) -> "_Tail":
        """Regress squared robust spreads on 1/size over size classes, both parts at least 0."""
        centre = float(np.median(index))
        n = int(np.clip(sizes.size // _PER_CLASS, 1, _CLASSES))
        classes = np.array_split(np.argsort(sizes, kind="stable"), n)
        inverse = np.array([np.mean(1 / sizes[c]) for c in classes])
        squared = np.array(
            [(1.4826 * np.median(np.abs(index[c] - np.median(index[c])))) ** 2 for c in classes]
        )
        design = np.column_stack([np.ones(n), inverse])
        (shared, single), _ = nnls(design, squared)
        return cls(centre, max(float(shared), 0.25 * float(squared.min())), float(single))

    def deviates(self, index: Floats, sizes: Floats) -> Floats:
        """Index in spreads of natural groups of the same size."""
        return (index - self.centre) / np.sqrt(self.shared + self.single / sizes)


def _centre_and_scale(figures: Floats) -> tuple[Floats, Floats]:
    """Median and half the distance of the 16th and 84th percentile, column by column."""
    if not figures.shape[0]:
        return np.zeros(len(NAMES)), np.ones(len(NAMES))
    known = np.where(np.isnan(figures).all(axis=0), 0.0, figures)
    low, centre, high = np.nanpercentile(known, [16, 50, 84], axis=0)
    return centre, np.maximum((high - low) / 2, 0.02)


def _spreads(figures: Floats, centre: Floats, scale: Floats) -> Floats:
    return np.clip(np.nan_to_num((figures - centre) / scale), -_FAR, _FAR)


def _index(spreads: Floats) -> Floats:
    return np.asarray(spreads @ np.array([FACETS.get(name, 0.0) for name in NAMES]))


def natural_groups(keys: Keys, n: int) -> list[Ints]:
    """Disjoint groups of accounts that hold one key in common.

    Keys are taken in hash order, so the choice is arbitrary but the same on every run; an
    account joins the first group that claims it.
    """
    rows = np.repeat(np.arange(n), np.diff(keys.starts))
    order = np.argsort(keys.keys, kind="stable")
    row, key = rows[order], keys.keys[order]
    bounds = np.flatnonzero(np.r_[True, key[1:] != key[:-1], True])
    big = np.flatnonzero(np.diff(bounds) >= _LEAST)
    taken = np.zeros(n, dtype=np.bool_)
    groups: list[Ints] = []
    for b in big[np.argsort(key[bounds[big]] * np.uint64(0x9E3779B97F4A7C15))]:
        members = row[bounds[b] : bounds[b + 1]]
        free = members[~taken[members]][:_MEMBERS]
        if free.size >= _LEAST and free.size * 2 >= min(members.size, _MEMBERS):
            taken[free] = True
            groups.append(free)
            if len(groups) == _NATURAL:
                break
    return groups
