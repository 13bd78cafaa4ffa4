"""Fit the combiner on a panel's known pairs, and say how good it is on clusters it did not see."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from stillwatch.errors import EmptyInput
from stillwatch.provenance.combine import Combiner, fit_weights
from stillwatch.provenance.measure import Measured
from stillwatch.provenance.null import Null
from stillwatch.provenance.panel import Pair

Floats = npt.NDArray[np.float64]

FEATURES = ("openings", "rouge-l", "form", "phrases", "classifier")
LEAST_PAIRS = 8
LEAST_CLUSTERS = 5


@dataclass(frozen=True)
class Fold:
    """Pairs with their held-out scores: each was scored by a fit that saw nothing of its cluster."""

    models: tuple[str, ...]
    teachers: tuple[str, ...]
    clusters: tuple[str, ...]
    known: npt.NDArray[np.bool_]
    """Whether a pair is student and teacher, or null."""
    scores: Floats
    """Held out."""
    all_scores: Floats
    """Of every model for every teacher, held out by cluster, shape ``(models, teachers)``."""


def auc(known: Floats, null: Floats) -> float:
    """Chance that a known pair scores above a null pair (ties count half)."""
    if known.size == 0 or null.size == 0:
        return float("nan")
    order = np.sort(null)
    below = np.searchsorted(order, known, "left") + np.searchsorted(order, known, "right")
    return float(below.sum() / 2 / known.size / null.size)


def tpr(known: Floats, null: Floats, fpr: float) -> float:
    """Share of known pairs above the null's ``1 - fpr`` quantile."""
    return float((known > np.quantile(null, 1 - fpr, method="higher")).mean())


def cross_fit(
    measured: Measured,
    pairs: Sequence[Pair],
    features: Sequence[str] = FEATURES,
    nulls: Sequence[tuple[int, int]] | None = None,
) -> Fold:
    """Score every pair by a combiner fitted without its cluster.

    ``nulls`` are the null pairs to train on and to score, all of the panel's if None.
    Raises ``EmptyInput`` for too few known pairs.
    """
    x = np.nan_to_num(measured.standings(features)[0])
    known, _ = usable(measured, pairs)
    null = list(measured.null_pairs if nulls is None else nulls)
    both = known + null
    labels = np.arange(len(both)) < len(known)
    cluster = np.array([measured.field.cluster[m] for m, _ in both])
    data = np.array([x[m, t] for m, t in both])
    everyone = np.full(x.shape[:2], np.nan)
    scores = np.zeros(len(both))
    names = np.array(measured.field.cluster)
    for held in sorted(set(names)):
        use = cluster != held
        b = fit_weights(data[use], labels[use], cluster[use].tolist())
        scores[~use] = data[~use] @ b[1:] + b[0]
        everyone[names == held] = x[names == held] @ b[1:] + b[0]
    everyone[~np.isfinite(measured.standings(features)[0]).all(axis=-1)] = np.nan
    return Fold(
        tuple(measured.models[m] for m, _ in both),
        tuple(measured.teachers[t].model for _, t in both),
        tuple(cluster),
        labels,
        scores,
        everyone,
    )


def usable(measured: Measured, pairs: Sequence[Pair]) -> tuple[list[tuple[int, int]], list[Pair]]:
    """Known pairs with answers of both sides, as numbers; ``EmptyInput`` if too few."""
    teachers = [t.model for t in measured.teachers]
    kept = [
        pair
        for pair in pairs
        if pair.student in measured.models
        and pair.teacher in teachers
        and pair.student not in teachers
    ]
    clusters = {pair.cluster for pair in kept}
    if len(kept) < LEAST_PAIRS or len(clusters) < LEAST_CLUSTERS:
        raise EmptyInput(
            f"{len(kept)} known pairs in {len(clusters)} clusters, {LEAST_PAIRS} in {LEAST_CLUSTERS} "
            "needed to fit",
            hint="add [[pair]] entries whose student is answered and whose teacher is in [[ours]] or "
            "[[reference]]",
        )
    return [(measured.index(p.student), teachers.index(p.teacher)) for p in kept], kept


def fit(
    measured: Measured,
    pairs: Sequence[Pair],
    *,
    data: str,
    features: Sequence[str] = FEATURES,
    nulls: Sequence[tuple[int, int]] | None = None,
    today: date | None = None,
) -> Combiner:
    """Fit on all pairs; quality is of the cross-fit."""
    fold = cross_fit(measured, pairs, features, nulls)
    known, kept = usable(measured, pairs)
    null = list(measured.null_pairs if nulls is None else nulls)
    x = np.nan_to_num(measured.standings(features)[0])
    both = known + null
    cluster = [measured.field.cluster[m] for m, _ in both]
    b = fit_weights(np.array([x[m, t] for m, t in both]), fold.known, cluster)
    table = tuple(
        {
            "student": pair.student,
            "teacher": pair.teacher,
            "cluster": pair.cluster,
            "held_out_score": round(float(score), 3),
        }
        for pair, score in zip(kept, fold.scores, strict=False)
    )
    return Combiner(
        tuple(features),
        tuple(round(float(w), 4) for w in b[1:]),
        round(float(b[0]), 4),
        table,
        quality(measured, fold),
        data,
        (today or date.today()).isoformat(),
    )


def quality(measured: Measured, fold: Fold) -> dict[str, float | int]:
    """Cross-fitted figures of a fold."""
    known, null = fold.scores[fold.known], fold.scores[~fold.known]
    return {
        "known_pairs": int(fold.known.sum()),
        "known_clusters": len({c for c, k in zip(fold.clusters, fold.known, strict=True) if k}),
        "null_pairs": int((~fold.known).sum()),
        "null_clusters": len({c for c, k in zip(fold.clusters, fold.known, strict=True) if not k}),
        "prompts": measured.exhibit.tokens.prompts,
        "auc": round(auc(known, null), 4),
        "tpr_at_5_percent": round(tpr(known, null, 0.05), 4),
        "vendor_top_1": round(vendor_top(measured, fold), 4),
    }


def vendor_top(measured: Measured, fold: Fold) -> float:
    """Share of known pairs whose student's closest teacher is of the true teacher's vendor."""
    vendor = {t.model: t.vendor for t in measured.teachers}
    right = [
        measured.teachers[int(np.nanargmax(fold.all_scores[measured.index(m)]))].vendor == vendor[t]
        for m, t, k in zip(fold.models, fold.teachers, fold.known, strict=True)
        if k
    ]
    return float(np.mean(right))


def null_p_values(measured: Measured, fold: Fold, chosen: npt.NDArray[np.bool_]) -> Floats:
    """p-values of chosen pairs (a mask), each against the null pairs of other clusters.

    Returns ``p`` and ``strict``, shape ``(chosen, 2)``.
    """
    kept: dict[str, Null] = {}
    out = []
    for at in np.flatnonzero(chosen):
        own = fold.clusters[at]
        if own not in kept:
            kept[own] = measured.null(fold.all_scores, without=own)
        out.append((kept[own].p(fold.scores[at]), kept[own].strict(fold.scores[at])))
    return np.array(out).reshape(-1, 2)
