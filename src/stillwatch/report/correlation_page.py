"""The HTML page of ``correlate``: one file that opens anywhere, loads nothing and runs nothing.

Text of models goes through ``text.pieces`` like all text of strangers, and is escaped.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

import stillwatch
from stillwatch.domain.correlation import Correlation
from stillwatch.provenance.correlate import CorrelateResult, Judged
from stillwatch.report.page import environment

_BINS = 30
_WIDTH = 620
_HEIGHT = 170


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of the histogram, in SVG units."""

    x: float
    y: float
    width: float
    height: float
    low: float
    high: float
    share: float


@dataclass(frozen=True, slots=True)
class NullChart:
    """The null pairs' scores and where the suspect stands among them."""

    bars: tuple[Bar, ...]
    mark: float
    """Horizontal place of the suspect."""
    low: float
    high: float
    """Horizontal ends of its interval."""
    left: float
    right: float
    """Scores at the ends of the axis."""
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Row:
    """Where a teacher's interval is drawn, in percent of the strip."""

    mark: float
    low: float
    high: float
    zero: float


def null_chart(judged: Judged) -> NullChart:
    """Draw the weighted histogram of null scores, wide enough for the suspect."""
    own = next(t for t in judged.correlation.teachers if t.teacher == judged.correlation.teacher)
    values = np.concatenate([judged.null, [own.low, own.high, own.score]])
    left, right = float(values.min()), float(values.max())
    pad = 0.03 * (right - left or 1.0)
    left, right = left - pad, right + pad
    shares, edges = np.histogram(judged.null, _BINS, (left, right), weights=judged.null_weight)
    most = float(shares.max()) or 1.0

    def x(score: float) -> float:
        return _WIDTH * (score - left) / (right - left)

    bars = tuple(
        Bar(
            x(edges[i]) + 1,
            _HEIGHT - (_HEIGHT - 8) * share / most,
            x(edges[i + 1]) - x(edges[i]) - 2,
            (_HEIGHT - 8) * share / most,
            float(edges[i]),
            float(edges[i + 1]),
            float(share),
        )
        for i, share in enumerate(map(float, shares))
    )
    return NullChart(bars, x(own.score), x(own.low), x(own.high), left, right, _WIDTH, _HEIGHT)


def rows(told: Correlation) -> list[Row]:
    """Place every teacher's interval on one common strip."""
    left = min(0.0, *(t.low for t in told.teachers))
    right = max(0.0, *(t.high for t in told.teachers))
    span = (right - left) or 1.0

    def place(score: float) -> float:
        return 100 * (score - left) / span

    return [Row(place(t.score), place(t.low), place(t.high), place(0)) for t in told.teachers]


def render_correlation(result: CorrelateResult, when: datetime) -> str:
    """Return the page for all suspects of a run."""
    return (
        environment()
        .get_template("correlation.html.j2")
        .render(
            result=result,
            version=stillwatch.__version__,
            when=when,
            null_chart=null_chart,
            rows=rows,
        )
    )
