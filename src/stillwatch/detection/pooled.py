"""The test of a group: one job, or people with something in common.

A hundred accounts that each look a little odd in the same way look very odd together. But so do
the members of any natural group (one framework, one class, one benchmark): their oddities are
shared too. What sets a job apart is *cohesion* (``campaigns.cohesion``). The yardstick is the
natural groups of the same log, or of a baseline: accounts that share a skeleton.

    spread   a facet in robust spreads of natural groups, drawn to 0 where accounts are few
    index    weighted sum of spreads, again in spreads of natural groups
    p-value  its upper tail by Student's t, heavier than normal: natural groups are few

A log that calibrates itself holds campaigns among its natural groups, so groups far out are left out
when facets are measured again. The spread of the index is what its facets give if they vary apart: a
facet is measured on all natural groups, while the upper tail of the sums is where campaigns are, and
few natural groups tell how far it reaches. Only where sums spread plainly more than that do facets
hang together, and the shorter side of the sums is taken. One yardstick serves groups of every size:
campaigns are of like size, and among groups of their own size they would be what is typical.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri, stdtr

from stillwatch.campaigns.cohesion import NAMES

Floats = npt.NDArray[np.float64]

WEIGHTS: dict[str, float] = {
    "exclusivity": 0.97,
    "turns": 0.95,
    "overlap": -0.73,
    "length": 0.68,
    "evenness": 0.63,
    "repeats": -0.47,
    "length_unity": 0.46,
    "family_unity": 0.45,
    "depth": 0.36,
    "output": 0.35,
    "tactics": 0.27,
    "hour_unity": 0.26,
    "output_unity": 0.25,
    "settings_unity": 0.19,
    "wording_unity": 0.1,
    "system_unity": 0.05,
}
"""Facets in the index. Signs are fixed by what a job is; sizes are fitted (see ADR 5)."""

WORK = ("depth", "length", "output", "tactics")
"""Facets that say what work it is: honest pipelines do much work of that kind, too."""

FEWEST = 20
"""Natural groups without which nothing can be said."""
_FAR = 2.0  # spreads; a facet beyond this adds nothing, so that one or two cannot carry a verdict
_FAR_OF_WORK = 0.7  # spreads; beyond, much of the same work is no more evidence of one hand
_OWN = np.log(0.5)  # exclusivity below which most who have the scaffold are others
FEW = 3
"""Accounts of which a facet counts half."""
_OUTLIER = 1.25  # index from which a group is no longer taken for natural
_NATURAL = 0.6  # share of the groups that are taken for natural at least
_ROUNDS = 8
_LOW, _HIGH = 0.16, 0.9  # quantiles that the lower and upper side of the sums are taken from
_TOGETHER = (
    1.25  # times what facets give that vary apart; where sums spread more, they hang together
)
_TAIL = 0.88  # of that spread in the upper tail: facets are capped, and few groups have all of them
FREEDOM = 40
"""Degrees of freedom of the tail."""
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

    def take(self, rows: list[int]) -> "GroupTest":
        """The test of some of the groups."""
        return replace(
            self,
            figures=self.figures[rows],
            spreads=self.spreads[rows],
            index=self.index[rows],
            p_values=self.p_values[rows],
        )


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
    slack: float = 1.0
    """Times p-values are taken: above 1 where natural groups may have changed since."""

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
            natural, cut = yardstick._natural()
            yardstick = cls._measure(natural, vector, figures, float(ndtr(cut)))
        apart = (yardstick.spreads(yardstick._natural()[0]) * vector).var(axis=0).sum() ** 0.5
        together = yardstick.spread > _TOGETHER * apart
        return yardstick if together else replace(yardstick, spread=float(_TAIL * apart))

    def _natural(self) -> tuple[Floats, float]:
        """Figures of the groups that are not far out, and the index from which others are."""
        index = self.index(self.figures)
        cut = max(_OUTLIER, float(np.quantile(index, _NATURAL)))
        return self.figures[index <= cut], cut

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
        """Each facet in spreads of natural groups; 0 where not observed.

        What few accounts show is drawn towards what is typical: of six, any facet may be chance.
        """
        accounts = np.exp(figures[:, :1])
        return np.asarray(self._facets(figures) * accounts / (accounts + FEW))

    def _facets(self, figures: Floats) -> Floats:
        far = np.array([_FAR_OF_WORK if name in WORK else _FAR for name in NAMES])
        return np.clip(np.nan_to_num((figures - self.centre) / self.scale), -far, far)

    def strength(self, figures: Floats) -> Floats:
        """Weighted sum of the facets, however few the accounts: how alike, not how sure."""
        return np.asarray(self._facets(figures) @ self.weights)

    def index(self, figures: Floats) -> Floats:
        """Weighted sum of the facets in spreads of natural groups, whoever has the scaffold."""
        return np.asarray((self.spreads(figures) @ self.weights - self.middle) / self.spread)

    def test(self, figures: Floats) -> GroupTest:
        """Test groups by their cohesion figures; p is 1 with fewer than ``FEWEST`` natural ones.

        A group whose scaffold most of its holders use outside it is nobody's job: its index is not
        above 0.
        """
        spreads, index = self.spreads(figures), self.index(figures)
        others = figures[:, NAMES.index("exclusivity")] < _OWN
        index = np.where(others, np.minimum(index, 0.0), index)
        p_values = np.minimum(1.0, self.slack * stdtr(FREEDOM, -index))  # the upper tail
        if self.figures.shape[0] < FEWEST:
            index, p_values = np.zeros(index.size), np.ones(index.size)
        return GroupTest(figures, spreads, self.centre, index, p_values, self.figures)


def _centre_and_scale(figures: Floats) -> tuple[Floats, Floats]:
    """Median and half the distance of the 16th and 84th percentile, column by column."""
    known = np.where(np.isnan(figures).all(axis=0), 0.0, figures)
    low, centre, high = np.nanpercentile(known, [16, 50, 84], axis=0)
    return centre, (high - low) / 2
