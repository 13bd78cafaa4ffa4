"""The geometry of the report's charts: numbers in, SVG coordinates out.

Rules
    - Every chart has a sentence that says the same to who cannot see it.
    - Days are merged into wider bars before they get too thin to see, and the chart says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

BINS = 20
_TAILS = (0.1, 0.01, 0.001, 0.0001)


@dataclass(frozen=True, slots=True)
class Spark:
    """Requests per day as bars."""

    path: str
    """SVG path in a ``width`` by ``height`` box, all bars in one."""
    width: int
    height: int
    days: int
    """Days that one bar stands for."""
    most: int
    """Requests in the highest bar."""
    active: int
    """Days with at least one request."""


def spark(activity: Sequence[int], *, width: int = 360, height: int = 44, bars: int = 90) -> Spark:
    """Draw requests per day, oldest first, as at most ``bars`` bars."""
    days = max(1, -(-len(activity) // bars))
    sums = [sum(activity[i : i + days]) for i in range(0, len(activity), days)]
    most = max(sums, default=0)
    step = width / max(1, len(sums))
    bar = min(step * 0.8, 24.0)
    path = "".join(
        f"M{i * step:.1f} {height}v-{_height(value, most, height):.1f}h{bar:.1f}V{height}z"
        for i, value in enumerate(sums)
        if value
    )
    return Spark(path, width, height, days, most, active=sum(1 for n in activity if n))


@dataclass(frozen=True, slots=True)
class Bin:
    """One bar of the histogram of p-values."""

    low: float
    high: float
    accounts: int
    flagged: int


@dataclass(frozen=True, slots=True)
class Tail:
    """How many accounts lie below a p-value, and how many would by chance."""

    limit: float
    seen: int
    chance: float


@dataclass(frozen=True, slots=True)
class Distribution:
    """All p-values of a run."""

    bins: tuple[Bin, ...]
    tails: tuple[Tail, ...]
    scored: int
    unscored: int
    """Accounts without a p-value, e.g. for want of events."""

    @property
    def expected(self) -> float:
        """Accounts per bin if all were innocent: p-values would be uniform."""
        return self.scored / BINS

    @property
    def most(self) -> int:
        """Accounts in the highest bar."""
        return max((b.accounts for b in self.bins), default=0)


def distribution(p_values: Floats, flagged: npt.NDArray[np.bool_]) -> Distribution:
    """Count p-values (shape ``(n,)``, NaN where an account has none) in 20 bins and four tails."""
    known = np.isfinite(p_values)
    p, chosen = p_values[known], flagged[known]
    edges = np.linspace(0.0, 1.0, BINS + 1)
    accounts, _ = np.histogram(p, edges)
    marked, _ = np.histogram(p[chosen], edges)
    bins = tuple(
        Bin(float(edges[i]), float(edges[i + 1]), int(accounts[i]), int(marked[i]))
        for i in range(BINS)
    )
    tails = tuple(Tail(limit, int((p <= limit).sum()), limit * p.size) for limit in _TAILS)
    return Distribution(bins, tails, int(p.size), int(p_values.size - p.size))


def _height(value: int, most: int, height: int) -> float:
    """At least one unit, so that a quiet day is told from a day without requests."""
    return max(1.0, height * value / most)
