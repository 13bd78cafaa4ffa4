"""The test of a group: one job, or people with something in common.

A hundred accounts that each look a little odd in the same way look very odd together. But so do
the members of any natural group (one framework, one class, one benchmark): their oddities are
shared too. What sets a job apart is *cohesion* (``campaigns.cohesion``). The yardstick is the
natural groups of the same log, or of a baseline: accounts that share a skeleton, of like size.

    spread   a facet in robust spreads of natural groups of like size
    index    weighted sum of spreads, again in spreads of natural groups of like size
    p-value  its upper tail by Student's t, heavier than normal: natural groups are few

A log that calibrates itself holds campaigns among its natural groups. They stand in the upper
tail, so the spread of the index is taken from its lower half, and groups far out are left out
when facets are measured again.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr

from stillwatch.campaigns.cohesion import NAMES

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

WEIGHTS: dict[str, float] = {
    "one_style": 0.49,
    "exclusivity": 0.44,
    "hour_unity": 0.43,
    "output": 0.42,
    "settings_unity": 0.36,
    "evenness": 0.33,
    "repeats": -0.32,
    "content_unity": 0.31,
    "length": 0.28,
    "tactics": 0.26,
    "system_unity": 0.25,
    "overlap": -0.24,
}
"""Facets in the index. Signs are fixed by what a job is; sizes are fitted (see ADR 5)."""

FEWEST = 20
"""Natural groups without which nothing can be said."""
_CLASSES = 6  # of size, at most
_PER_CLASS = 40  # natural groups; fewer per class make a spread a matter of luck
_FAR = 4.0  # spreads; a facet beyond this adds nothing
_OUTLIER = 2.5  # index from which a group is no longer taken for natural
_ROUNDS = 3
_SKEW = 1.0  # upper over lower spread of the index of natural groups
_FREEDOM = 15  # degrees of freedom of the tail
_NEAR = 0.6  # a class's spread of a facet is at least this share of the spread of all groups
_LEAST = 0.02  # smallest spread of a facet
_SIZE = (NAMES.index("accounts"), NAMES.index("depth"))


@dataclass(frozen=True, slots=True)
class GroupTest:
    """Cohesion of groups against natural groups; one row per group."""

    figures: Floats
    """Cohesion figures, shape (groups, len(cohesion.NAMES))."""
    spreads: Floats
    """Each figure in spreads of the natural groups, 0 where not observed."""
    centre: Floats
    """What is typical of natural groups of like size, facet by facet."""
    index: Floats
    p_values: Floats
    natural: Floats
    """Figures of the natural groups, for percentiles."""


@dataclass(frozen=True, slots=True)
class Yardstick:
    """What natural groups look like, in classes of size (sampled scaffolded prompts)."""

    edges: Floats
    """Log sizes at which the next class begins, shape (classes - 1,)."""
    centre: Floats
    scale: Floats
    """Median and spread of each facet, shape (classes, facets)."""
    middle: Floats
    """Median of the weighted sum, shape (classes,)."""
    spread: float
    """Of the weighted sum within a class."""
    weights: Floats
    figures: Floats
    """Of the natural groups, shape (groups, facets)."""

    @classmethod
    def learn(cls, figures: Floats, weights: dict[str, float] | None = None) -> "Yardstick":
        """From the cohesion figures of natural groups, shape (groups, facets)."""
        chosen = WEIGHTS if weights is None else weights
        vector = np.array([chosen.get(name, 0.0) for name in NAMES])
        if figures.shape[0] < FEWEST:
            nothing = np.zeros((1, len(NAMES)))
            return cls(np.empty(0), nothing, nothing + 1, np.zeros(1), 1.0, vector, figures)
        sizes = _sizes(figures)
        classes = int(np.clip(sizes.size // _PER_CLASS, 1, _CLASSES))
        edges = np.unique(np.quantile(sizes, np.arange(1, classes) / classes))
        natural = np.ones(sizes.size, dtype=np.bool_)
        yardstick = cls._measure(figures[natural], edges, vector, figures)
        for _ in range(_ROUNDS - 1):
            natural = yardstick.test(figures).index < _OUTLIER
            yardstick = cls._measure(figures[natural], edges, vector, figures)
        return yardstick

    @classmethod
    def _measure(
        cls, natural: Floats, edges: Floats, weights: Floats, figures: Floats
    ) -> "Yardstick":
        which = np.searchsorted(edges, _sizes(natural), side="right")
        _, overall = _centre_and_scale(natural)
        parts = [
            natural[which == c] if (which == c).sum() >= FEWEST else natural
            for c in range(edges.size + 1)
        ]
        both = [_centre_and_scale(part) for part in parts]
        centre = np.array([c for c, _ in both])
        scale = np.maximum([s for _, s in both], np.maximum(_NEAR * overall, _LEAST))
        plain = cls(edges, centre, scale, np.zeros(len(parts)), 1.0, weights, figures)
        sums = [plain.spreads(part) @ weights for part in parts]
        low, middle = np.array([np.quantile(s, [0.16, 0.5]) for s in sums]).T
        spread = np.maximum(_SKEW * np.median(middle - low), 0.3)  # one for all: steadier
        return cls(edges, centre, scale, middle, float(spread), weights, figures)

    def _class(self, figures: Floats) -> Ints:
        return np.searchsorted(self.edges, _sizes(figures), side="right")

    def spreads(self, figures: Floats) -> Floats:
        """Each facet in spreads of natural groups of like size; 0 where not observed."""
        which = self._class(figures)
        return np.clip(
            np.nan_to_num((figures - self.centre[which]) / self.scale[which]), -_FAR, _FAR
        )

    def test(self, figures: Floats) -> GroupTest:
        """Test groups by their cohesion figures; p is 1 with fewer than ``FEWEST`` natural ones."""
        which, spreads = self._class(figures), self.spreads(figures)
        index = (spreads @ self.weights - self.middle[which]) / self.spread
        p_values = stdtr(_FREEDOM, -index)  # the upper tail
        if self.figures.shape[0] < FEWEST:
            index, p_values = np.zeros(index.size), np.ones(index.size)
        return GroupTest(figures, spreads, self.centre[which], index, p_values, self.figures)


def _sizes(figures: Floats) -> Floats:
    return np.asarray(figures[:, _SIZE].sum(axis=1))


def _centre_and_scale(figures: Floats) -> tuple[Floats, Floats]:
    """Median and half the distance of the 16th and 84th percentile, column by column."""
    known = np.where(np.isnan(figures).all(axis=0), 0.0, figures)
    low, centre, high = np.nanpercentile(known, [16, 50, 84], axis=0)
    return centre, (high - low) / 2
