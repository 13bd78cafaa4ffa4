"""Calibration: from scores to p-values that keep their promise.

With a baseline, p-values are conformal: the rank of a score among reference scores of accounts
of like volume (Vovk et al. 2005; Bates et al. 2023), valid whatever the score is.

Without one, the log's own bulk serves. The bulk holds the guilty too, so ranks would be uniform
by construction; instead the null is fitted to the lower part of the scores, which the guilty
hardly touch (the empirical null of Efron 2004), and p-values are its upper tail. That is an
extrapolation, and reports say so.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincc, gammaincinv

Floats = npt.NDArray[np.float64]

FLOOR = 1e-12
"""Smallest p-value the fitted null may claim."""


def conformal(scores: Floats, reference: Floats) -> Floats:
    """(1 + number of reference scores at least as high) / (1 + m), shape (n,).

    Smallest possible value 1 / (m + 1): a reference of 2,000 accounts can say 0.0005.
    """
    ordered = np.sort(reference)
    above = ordered.size - np.searchsorted(ordered, scores, side="left")
    return np.asarray((1.0 + above) / (1.0 + ordered.size))


@dataclass(frozen=True, slots=True)
class Ranks:
    """The null of a baseline: its scores."""

    reference: Floats

    def p_values(self, scores: Floats) -> Floats:
        """See ``conformal``."""
        return conformal(scores, self.reference)


@dataclass(frozen=True, slots=True)
class Tail:
    """A fitted null: a gamma, or nothing where there was too little to fit."""

    gamma: tuple[float, float, float] | None
    """Shape, location and scale."""

    def p_values(self, scores: Floats) -> Floats:
        """Upper tail at ``scores``, shape (n,)."""
        if self.gamma is None:
            return np.ones(scores.size)
        shape, location, scale = self.gamma
        standard = np.maximum((scores - location) / scale, 0.0)
        return np.asarray(np.maximum(gammaincc(shape, standard), FLOOR))


def fitted(null: Floats, *, bulk: float = 0.75) -> Tail:
    """A gamma fitted to the lower ``bulk`` of ``null``.

    Matches quantiles: for each shape the best location and scale are a line through them.
    Scores are sums of bounded positive surprises, for which a gamma is the natural shape.
    """
    if null.size < 10 or np.ptp(null) == 0:
        return Tail(None)
    levels = np.linspace(0.05, bulk, 15)
    observed = np.quantile(null, levels)
    best, fit = np.inf, (1.0, 0.0, 1.0)
    for shape in np.geomspace(0.5, 60, 80):
        expected = gammaincinv(shape, levels)  # quantiles of the gamma
        slope, intercept = np.polyfit(expected, observed, 1)
        error = float(np.square(slope * expected + intercept - observed).sum())
        if slope > 0 and error < best:
            best, fit = error, (float(shape), float(intercept), float(slope))
    return Tail(fit)


def fitted_tail(scores: Floats, null: Floats) -> Floats:
    """Upper tail at ``scores`` of the null that is fitted to ``null``, shape (n,)."""
    return fitted(null).p_values(scores)


def benjamini_hochberg(p_values: Floats, rate: float) -> npt.NDArray[np.bool_]:
    """Hypotheses rejected at false-discovery rate ``rate`` (Benjamini & Hochberg 1995)."""
    m = p_values.size
    if m == 0:
        return np.zeros(0, dtype=np.bool_)
    order = np.argsort(p_values, kind="stable")
    passed = p_values[order] <= rate * np.arange(1, m + 1) / m
    last = np.flatnonzero(passed)
    rejected = np.zeros(m, dtype=np.bool_)
    if last.size:
        rejected[order[: last[-1] + 1]] = True
    return rejected
