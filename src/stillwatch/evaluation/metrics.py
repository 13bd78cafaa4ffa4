"""Figures of merit as functions of arrays. No I/O, no options, no opinion.

Rules
    * Equal scores are flagged together or not at all; no order among ties is ever invented.
    * What is undefined (no positives, no clusters) is ``nan``, not 0 or 1.

>>> import numpy as np
>>> roc_auc(np.array([0.9, 0.8, 0.1]), np.array([True, False, False]))
1.0
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import kolmogorov

from stillwatch.domain.share import Share, wilson

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """The best threshold that keeps a false-positive limit."""

    limit: float
    """Greatest false-positive rate allowed."""
    threshold: float
    """Accounts at or above it count as flagged; inf: nothing may be flagged."""
    recall: Share
    false_positives: Share


@dataclass(frozen=True, slots=True)
class BCubed:
    """Agreement of reported with true campaigns."""

    precision: float
    recall: float
    f: float
    """Harmonic mean."""


def roc_auc(scores: Floats, positive: Bools) -> float:
    """Chance that a positive outranks a negative, ties counting half (Mann-Whitney)."""
    n, m = int(positive.sum()), int((~positive).sum())
    if n == 0 or m == 0:
        return float("nan")
    _, place, ties = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(ties) - (ties - 1) / 2)[place]  # scipy.stats takes a second to load
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * m))


def operating_point(scores: Floats, positive: Bools, limit: float) -> OperatingPoint:
    """Lowest threshold whose false-positive rate does not exceed ``limit``.

    ``limit`` 0 asks for recall at zero innocent accounts flagged.
    """
    negatives = np.sort(scores[~positive])
    allowed = int(np.floor(limit * len(negatives) + 1e-9))
    # Everything above the first innocent score that would be one too many.
    barrier = negatives[len(negatives) - allowed - 1] if allowed < len(negatives) else -np.inf
    above = scores[scores > barrier]
    threshold = float(above.min()) if len(above) else float("inf")
    flagged = scores > barrier
    return OperatingPoint(
        limit,
        threshold,
        wilson(int((flagged & positive).sum()), int(positive.sum())),
        wilson(int((flagged & ~positive).sum()), len(negatives)),
    )


def ks_uniform(values: Floats) -> tuple[float, float]:
    """Kolmogorov-Smirnov distance of values from the uniform law on [0, 1], and its p-value.

    The p-value is the asymptotic one with Stephens' (1970) correction for small samples.
    """
    n = len(values)
    if n == 0:
        return float("nan"), float("nan")
    ordered = np.sort(values)
    steps = np.arange(1, n + 1) / n
    distance = float(max((steps - ordered).max(), (ordered - steps + 1 / n).max()))
    root = np.sqrt(n)
    return distance, float(kolmogorov((root + 0.12 + 0.11 / root) * distance))


def bcubed(truth: Sequence[str | None], reported: Sequence[str | None]) -> BCubed:
    """B-cubed precision and recall of campaigns (Bagga & Baldwin 1998; Amigó et al. 2009).

    Items are accounts. ``truth`` is the true campaign, None for an innocent account, which is a
    category of its own: it belongs with nobody. ``reported`` is the campaign it was put into,
    None for an account that was left alone, which is a cluster of its own.

    For an item, precision is the share of its cluster that has its category, recall the share
    of its category that is in its cluster; an item is always correct with itself. Precision is
    averaged over the members of reported campaigns (nan when there are none), recall over the
    accounts of true campaigns. A missed account of a campaign of n accounts thus has recall
    1/n, and an innocent member of a reported campaign of n accounts precision 1/n. Averaging
    over these items keeps the many innocent singletons from lifting both figures to 1.
    """
    category, cluster = _labels(truth), _labels(reported)
    pairs = np.stack([category, cluster], axis=1)
    _, inverse, together = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
    both = together[inverse.reshape(-1)]
    in_cluster = np.array([name is not None for name in reported], dtype=bool)
    in_category = np.array([name is not None for name in truth], dtype=bool)
    sizes_cluster, sizes_category = np.bincount(cluster), np.bincount(category)
    precision = _mean((both / sizes_cluster[cluster])[in_cluster])
    recall = _mean((both / sizes_category[category])[in_category])
    f = 2 * precision * recall / (precision + recall) if precision + recall > 0 else float("nan")
    return BCubed(precision, recall, f)


def _labels(names: Sequence[str | None]) -> npt.NDArray[np.int64]:
    """Number the groups; every None is a group of its own."""
    known: dict[str, int] = {}
    result = np.empty(len(names), dtype=np.int64)
    for i, name in enumerate(names):
        result[i] = -1 if name is None else known.setdefault(name, len(known))
    alone = result < 0
    result[alone] = len(known) + np.arange(int(alone.sum()))
    return result


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")
