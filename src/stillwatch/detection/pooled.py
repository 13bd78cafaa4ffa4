"""The test of a group: one job, or people with something in common.

A hundred accounts that each look a little odd in the same way look very odd together. But so do
the members of any natural group (one framework, one class, one benchmark): their oddities are
shared too. What sets a job apart is *cohesion* (``campaigns.cohesion``). The yardstick is the
natural groups of the same log, or of a baseline: accounts that share a skeleton.

    spread   a facet in robust spreads of natural groups
    index    weighted sum of spreads, again in spreads of natural groups
    p-value  its upper tail by Student's t, heavier than normal: natural groups are few

A log that calibrates itself holds campaigns among its natural groups. They can only lengthen the
upper tail, so the spread of the index is that of the shorter side, and groups far out are left out
when facets are measured again. One yardstick serves groups of every size: campaigns are of like
size, and among groups of their own size they would be what is typical.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, stdtr

from stillwatch.campaigns.cohesion import NAMES

Floats = npt.NDArray[np.float64]

WEIGHTS: dict[str, float] = {
    "turns": 0.77,
    "depth": 0.73,
    "overlap": -0.65,
    "length": 0.6,
    "exclusivity": 0.59,
    "evenness": 0.55,
    "tactics": 0.49,
    "repeats": -0.47,
    "disguise": 0.41,
    "output": 0.32,
    "output_unity": 0.27,
    "wording_unity": 0.26,
    "hour_unity": 0.26,
    "length_unity": 0.2,
    "settings_unity": 0.19,
    "system_unity": 0.16,
    "family_unity": 0.09,
}
"""Facets in the index. Signs are fixed by what a job is; sizes are fitted (see ADR 5)."""

FEWEST = 20
"""Natural groups without which nothing can be said."""
_FAR = 2.0  # spreads; a facet beyond this adds nothing, so that one or two cannot carry a verdict
_OUTLIER = 2.5  # index from which a group is no longer taken for natural
_ROUNDS = 3
_HIGH = 0.9  # quantile that the upper spread of the index is taken from
_FREEDOM = 40  # degrees of freedom of the tail
_LEAST = 0.02  # smallest spread of a facet


@dataclass(frozen=True, slots=True)
class GroupTest:
    """Cohesion of groups against natural groups; one row per group."""

    figures: Floats
    """Cohesion figures, shape (groups, len(cohesion.NAMES))."""
    spreads: Floats
    """Each figure in spreads of the natural groups, 0 where not observed."""
    centre: Floats
    """What is typical of natural groups, shape (facets,)."""
    index: Floats
    p_values: Floats
    natural: Floats
    """Figures of the natural groups, for percentiles."""


@dataclass(frozen=True, slots=True)
class Yardstick:
    """What natural groups look like."""

    centre: Floats
    scale: Floats
    """Median and spread of each facet, shape (facets,)."""
    middle: float
    spread: float
    """Median and spread of the weighted sum."""
    weights: Floats
    figures: Floats
    """Of the natural groups, shape (groups, facets)."""

    @classmethod
    def learn(cls, figures: Floats, weights: dict[str, float] | None = None) -> "Yardstick":
        """From the cohesion figures of natural groups, shape (groups, facets)."""
        chosen = WEIGHTS if weights is None else weights
        vector = np.array([chosen.get(name, 0.0) for name in NAMES])
        if figures.shape[0] < FEWEST:
            nothing = np.zeros(len(NAMES))
            return cls(nothing, nothing + 1, 0.0, 1.0, vector, figures)
        yardstick = cls._measure(figures, vector, figures)
        for _ in range(_ROUNDS - 1):
            natural = yardstick.test(figures).index < _OUTLIER
            yardstick = cls._measure(figures[natural], vector, figures)
        return yardstick

    @classmethod
    def _measure(cls, natural: Floats, weights: Floats, figures: Floats) -> "Yardstick":
        centre, scale = _centre_and_scale(natural)
        plain = cls(centre, np.maximum(scale, _LEAST), 0.0, 1.0, weights, figures)
        sums = plain.spreads(natural) @ weights
        low, middle, high = np.quantile(sums, [0.16, 0.5, _HIGH])
        spread = max(min(middle - low, (high - middle) / ndtri(_HIGH)), 0.3)
        return replace(plain, middle=float(middle), spread=float(spread))

    def spreads(self, figures: Floats) -> Floats:
        """Each facet in spreads of natural groups; 0 where not observed."""
        return np.clip(np.nan_to_num((figures - self.centre) / self.scale), -_FAR, _FAR)

    def test(self, figures: Floats) -> GroupTest:
        """Test groups by their cohesion figures; p is 1 with fewer than ``FEWEST`` natural ones."""
        spreads = self.spreads(figures)
        index = (spreads @ self.weights - self.middle) / self.spread
        p_values = stdtr(_FREEDOM, -index)  # the upper tail
        if self.figures.shape[0] < FEWEST:
            index, p_values = np.zeros(index.size), np.ones(index.size)
        return GroupTest(figures, spreads, self.centre, index, p_values, self.figures)


def _centre_and_scale(figures: Floats) -> tuple[Floats, Floats]:
    """Median and half the distance of the 16th and 84th percentile, column by column."""
    known = np.where(np.isnan(figures).all(axis=0), 0.0, figures)
    low, centre, high = np.nanpercentile(known, [16, 50, 84], axis=0)
    return centre, (high - low) / 2
