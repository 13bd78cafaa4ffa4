"""Proportions with what they are sure to, as every figure of ours is told."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Share:
    """A proportion with its 95 % Wilson interval."""

    hits: int
    total: int
    value: float
    """hits / total; nan when total is 0."""
    low: float
    high: float


def wilson(hits: int, total: int, z: float = 1.959964) -> Share:
    """Score interval of a proportion (Wilson 1927); defined for 0 and for all hits."""
    if total == 0:
        return Share(0, 0, float("nan"), float("nan"), float("nan"))
    p, square = hits / total, z * z
    centre = (p + square / (2 * total)) / (1 + square / total)
    half = z * math.sqrt(p * (1 - p) / total + square / (4 * total * total)) / (1 + square / total)
    low = 0.0 if hits == 0 else max(0.0, float(centre - half))
    high = 1.0 if hits == total else min(1.0, float(centre + half))
    return Share(hits, total, p, low, high)
