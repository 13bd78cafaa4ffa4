"""How often would a model that learned nothing from us score as high? Answers from models.

Prompts are not the sample: hundreds of prompts to one model say what this model is like, not what
unrelated models are like. So every p-value here ranks the suspect among *models*, and clusters of
models that have something in common count as one.

Two p-values, both of score ``s`` against null pairs (a control and a teacher it cannot have learned from):

- ``strict``: ``(1 + sum over clusters of the share of their null pairs with a score >= s) / (k + 1)``.
  With clusters exchangeable this holds in finite samples whatever the scores look like
  (hierarchical conformal prediction; Lee, Barber, Willett 2023, "Distribution-free inference with
  hierarchical data"). No p below ``1 / (k + 1)`` is possible with ``k`` clusters.
- ``p``: the same rank, with the clusters' number replaced by the effective number of independent
  null pairs (Kish's design effect with the measured correlation inside clusters). It is finer, and
  leans on that correlation; ``bench/RESULTS.md`` says how it keeps its promise.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Null:
    """Scores of null pairs."""

    scores: Floats
    """Shape ``(pairs,)``."""
    cluster: npt.NDArray[np.int64]
    """Cluster number of each, 0 to ``clusters - 1``."""
    clusters: int

    @classmethod
    def of(cls, scores: Sequence[float], cluster: Sequence[str]) -> "Null":
        """Number the clusters by name."""
        names, number = np.unique(
            np.asarray(cluster, dtype=object).astype(str), return_inverse=True
        )
        return cls(np.asarray(scores, dtype=np.float64), number.astype(np.int64), len(names))

    @property
    def floor(self) -> float:
        """Smallest strict p-value."""
        return 1 / (self.clusters + 1)

    @property
    def finest(self) -> float:
        """Smallest p-value."""
        return 1 / (self.effective + 1)

    def share(self, score: float) -> float:
        """Share of null pairs that score at least ``score``, clusters weighing equally."""
        sizes = np.bincount(self.cluster, minlength=self.clusters)
        hits = np.bincount(self.cluster[self.scores >= score], minlength=self.clusters)
        return float(np.mean(hits / sizes))

    def strict(self, score: float) -> float:
        """Conformal p-value over clusters."""
        return (1 + self.clusters * self.share(score)) / (self.clusters + 1)

    def p(self, score: float) -> float:
        """p-value over the effective number of null pairs."""
        return (1 + self.effective * self.share(score)) / (self.effective + 1)

    @property
    def effective(self) -> float:
        """Effective number of independent pairs, between the clusters' and the pairs' number."""
        sizes = np.bincount(self.cluster, minlength=self.clusters).astype(np.float64)
        typical = _typical_size(sizes)
        return float(sizes.sum() / (1 + (typical - 1) * self.correlation))

    @property
    def correlation(self) -> float:
        """Intraclass correlation of scores inside clusters (one-way analysis of variance)."""
        sizes = np.bincount(self.cluster, minlength=self.clusters).astype(np.float64)
        n, k = sizes.sum(), self.clusters
        if k < 2 or n <= k:
            return 1.0
        means = np.bincount(self.cluster, self.scores, self.clusters) / sizes
        between = float((sizes * (means - self.scores.mean()) ** 2).sum() / (k - 1))
        within = float(((self.scores - means[self.cluster]) ** 2).sum() / (n - k))
        bottom = between + (_typical_size(sizes) - 1) * within
        return float(np.clip((between - within) / bottom, 0, 1)) if bottom > 0 else 1.0


def _typical_size(sizes: Floats) -> float:
    if sizes.size < 2:
        return float(sizes.sum())
    return float((sizes.sum() - (sizes**2).sum() / sizes.sum()) / (sizes.size - 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's (1979) adjusted p-values, in the order given.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, at in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[at]))
        adjusted[at] = highest
    return adjusted
