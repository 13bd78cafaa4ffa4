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
from scipy.special import ndtr, ndtri, stdtr

from stillwatch.campaigns.cohesion import NAMES

Floats = npt.NDArray[np.float64]

WEIGHTS: dict[str, float] = {
    "turns": 0.93,
    "exclusivity": 0.84,
    "length": 0.73,
    "overlap": -0.69,
    "evenness": 0.58,
    "length_unity": 0.46,
    "family_unity": 0.4,
    "output": 0.38,
    "tactics": 0.35,
    "repeats": -0.33,
    "depth": 0.32,
    "output_unity": 0.26,
    "hour_unity": 0.22,
    "settings_unity": 0.15,
    "wording_unity": 0.08,
    "system_unity": 0.07,
}
"""Facets in the index. Signs are fixed by what a job is; sizes are fitted (see ADR 5)."""

WORK = ("depth", "length", "output", "tactics")
"""Facets that say what work it is: honest pipelines do much work of that kind, too."""

FEWEST = 20
"""Natural groups without which nothing can be said."""
_FAR = 2.0  # spreads; a facet beyond this adds nothing, so that one or two cannot carry a verdict
_FAR_OF_WORK = 0.7  # spreads; beyond, much of the same work is no more evidence of one hand
_OUTLIER = 1.75  # index from which a group is no longer taken for natural
_NATURAL = 0.8  # share of the groups that are taken for natural at least
_ROUNDS = 5
_LOW, _HIGH = 0.16, 0.9  # quantiles that the lower and upper spread of the index are taken from
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
        yardstick = cls._measure(figures, vector, figures, 1.0)
        for _ in range(_ROUNDS - 1):
            index = yardstick.test(figures).index
            cut = max(_OUTLIER, float(np.quantile(index, _NATURAL)))
            yardstick = cls._measure(figures[index <= cut], vector, figures, float(ndtr(cut)))
        return yardstick

    @classmethod
    def _measure(
        cls, natural: Floats, weights: Floats, figures: Floats, kept: float
    ) -> "Yardstick":
        """``kept`` is the lower part of all natural groups that ``natural`` is, 0-1.

        What was cut off is allowed for: a quantile of the rest is a lower quantile of the whole.
        """
        centre, scale = _centre_and_scale(natural)
        plain = cls(centre, np.maximum(scale, _LEAST), 0.0, 1.0, weights, figures)
        shares = np.array([_LOW, 0.5, _HIGH])
        low, middle, high = np.quantile(plain.spreads(natural) @ weights, shares)
        below, at, above = ndtri(kept * shares)
        spread = max(min((middle - low) / (at - below), (high - middle) / (above - at)), 0.3)
        return replace(plain, middle=float(middle - at * spread), spread=float(spread))

    def spreads(self, figures: Floats) -> Floats:
        """Each facet in spreads of natural groups; 0 where not observed."""
        far = np.array([_FAR_OF_WORK if name in WORK else _FAR for name in NAMES])
        return np.clip(np.nan_to_num((figures - self.centre) / self.scale), -far, far)

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
