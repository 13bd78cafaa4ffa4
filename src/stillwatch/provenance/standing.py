"""From affinities to scores that mean the same for every teacher: standing among the controls.

A raw affinity says little: all good models look alike, and some teachers are easy to resemble. So
each affinity is measured in spreads of models that cannot have learned from the teacher: the control z.

Rules
    - Clusters of controls weigh equally, however many models they have.
    - A model is never measured against its own cluster. This holds for the suspect and for every
      control alike, so that their scores can be compared.
    - References are no controls: the affinities that learn have seen them as classes of their own.
    - The spread around a teacher is estimated from few clusters, so it is pulled to the spread
      around all teachers, as if from ``_PRIOR_CLUSTERS`` clusters more.

Difference-in-differences subtracts the likeness to the other vendors' teachers first; see
``docs/adr/0007-correlation.md`` for why the shipped combiner does without.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_PRIOR_CLUSTERS = 10.0
_SOFT = 3.0


@dataclass(frozen=True)
class Field:
    """Who may serve as a null for whom."""

    cluster: tuple[str, ...]
    """Cluster of each model, its own name for a suspect."""
    null: Bools
    """``null[m, t]``: model ``m`` is a control for teacher ``t``; shape ``(models, teachers)``."""
    vendors: tuple[str, ...]
    """Vendor of each teacher."""

    def weights(self, own: str) -> Floats:
        """Weights of the controls for each teacher seen from cluster ``own``.

        Shape ``(models, teachers)``; columns sum to 1, or to 0 without any control.
        """
        out = np.zeros(self.null.shape)
        groups = {c: [i for i, x in enumerate(self.cluster) if x == c] for c in set(self.cluster)}
        for name, members in groups.items():
            if name == own:
                continue
            rows = self.null[members].astype(np.float64)
            out[members] = rows / rows.sum(axis=0).clip(1)
        total = out.sum(axis=0)
        return np.asarray(np.divide(out, total, out=np.zeros_like(out), where=total > 0))

    def clusters(self, teacher: int, own: str = "") -> int:
        """Clusters of controls for a teacher."""
        return len(
            {
                c
                for c, null in zip(self.cluster, self.null[:, teacher], strict=True)
                if null and c != own
            }
        )


def did(affinity: Floats, vendors: Sequence[str]) -> Floats:
    """Likeness to each teacher less that to the other vendors' teachers, vendors weighing equally.

    ``affinity`` has shape ``(..., models, teachers)``.
    """
    out = np.full_like(affinity, np.nan)
    with np.errstate(invalid="ignore"):
        means = {
            v: _mean(affinity[..., [i for i, x in enumerate(vendors) if x == v]])
            for v in dict.fromkeys(vendors)
        }
        for t, vendor in enumerate(vendors):
            others = [mean for v, mean in means.items() if v != vendor]
            if others:
                out[..., t] = affinity[..., t] - _mean(np.stack(others, axis=-1))
    return out


def _mean(values: Floats) -> Floats:
    known = np.isfinite(values)
    count = known.sum(axis=-1)
    total = np.where(known, values, 0).sum(axis=-1)
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))


def control_z(affinity: Floats, field: Field, models: Sequence[int] | None = None) -> Floats:
    """Standing of models among the controls of each teacher.

    ``affinity`` has shape ``(draws, models, teachers)``, the result ``(draws, asked, teachers)`` with
    ``asked`` all models unless ``models`` names some. NaN where a teacher has no control.
    """
    asked = range(affinity.shape[1]) if models is None else models
    # spreads of different teachers are pooled, so they must be in like units first
    scale = np.nanstd(affinity, axis=1, keepdims=True)
    affinity = affinity / np.where(scale > 1e-12, scale, 1.0)
    known = np.isfinite(affinity)
    filled = np.where(known, affinity, 0.0)
    by_cluster: dict[str, tuple[Floats, Floats]] = {}
    out = np.full((affinity.shape[0], len(asked), affinity.shape[2]), np.nan)
    for place, model in enumerate(asked):
        own = field.cluster[model]
        if own not in by_cluster:
            by_cluster[own] = _moments(filled, known, field, own)
        mean, spread = by_cluster[own]
        out[:, place] = (affinity[:, model] - mean) / spread
    return out


def _moments(filled: Floats, known: Bools, field: Field, own: str) -> tuple[Floats, Floats]:
    """Mean and shrunk spread of the controls, shape ``(draws, teachers)``."""
    weights = field.weights(own) * known
    total = weights.sum(axis=1, keepdims=True)
    weights = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
    mean = (weights * filled).sum(axis=1)
    square = (weights * (filled - mean[:, None]) ** 2).sum(axis=1)
    k = np.array([field.clusters(t, own) for t in range(filled.shape[2])], dtype=np.float64)
    variance = np.where(k > 1, square * k / np.maximum(k - 1, 1), np.nan)
    mass = np.where(np.isfinite(variance), k, 0)
    typical = np.where(np.isfinite(variance), variance, 0) @ k / np.maximum(mass.sum(axis=-1), 1)
    shrunk = (k * variance + _PRIOR_CLUSTERS * typical[:, None]) / (k + _PRIOR_CLUSTERS)
    mean = np.where(k > 1, mean, np.nan)
    return mean, np.sqrt(np.maximum(shrunk, 1e-18))


def softened(z: Floats) -> Floats:
    """Keep far-out values from deciding alone: ``3 arctan(z / 3)``, at most about 4.7."""
    return np.asarray(_SOFT * np.arctan(z / _SOFT))
