"""The coarse scales on which figures leave a house: ranges, days, seconds, one digit.

Rules: rounding never makes a claim look stronger than it is: p-values and rates go up. A scale is
finite and the same for everyone, so a figure tells what it should and little else.
"""

import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

from stillwatch.domain.claim import Span

MOST: Final = 1_000_000_000
"""Counts from here on share the last range."""
LEAST_P: Final = 1e-6
"""Smaller p-values and rates are told as this."""


def _spans() -> tuple[Span, ...]:
    edges = [factor * 10**power for power in range(9) for factor in (1, 2, 5)] + [MOST]
    return (Span(0, 0), *(Span(a, b - 1) for a, b in pairwise(edges)))


SPANS: Final = _spans()
"""0, 1, 2-4, 5-9, 10-19, 20-49 ... 500,000,000-999,999,999."""
DIGITS: Final = (
    *(float(f"{digit}e-{power}") for power in range(6, 0, -1) for digit in range(1, 10)),
    1.0,
)
"""One significant digit from 0.000001 to 0.9, and 1."""


def span(count: int) -> Span:
    """Range of the scale that holds a count; raises ``ValueError`` for a negative one."""
    if count < 0:
        raise ValueError("a count cannot be negative")
    capped = min(count, MOST - 1)
    return next(s for s in SPANS if s.low <= capped <= s.high)


def one_digit_up(value: float) -> float:
    """Round a p-value or a rate up to one significant digit of the scale."""
    if not 0 <= value <= 1:
        raise ValueError("a p-value or rate lies between 0 and 1")
    return next(d for d in DIGITS if d >= value or math.isclose(d, value, rel_tol=1e-12))


def confidence(value: float) -> int:
    """Round a confidence (0-100) down to a multiple of 5."""
    if not 0 <= value <= 100:
        raise ValueError("a confidence lies between 0 and 100")
    return int(value // 5) * 5


def to_second(at: datetime) -> datetime:
    """Cut an instant to its second in UTC: how ``created`` and ``modified`` are told."""
    return at.astimezone(UTC).replace(microsecond=0)


def to_day(at: datetime, days: int = 0) -> datetime:
    """Midnight (UTC) at the start of an instant's day, ``days`` later: how validity is told."""
    midnight = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=days)
