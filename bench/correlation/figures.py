"""Quality of output correlation on real models, cross-fitted by cluster.

Known pairs: students whose lineage is certain. Null pairs: models of certain lineage and teachers of
vendors they did not learn from. Hard nulls: models documented to have no language model as teacher.
Intervals resample clusters (2,000 times), except shares, which carry Wilson intervals.

cd bench && python -m correlation.figures [--draws 5] [--json]
"""

from typing import Any

import numpy as np
from scipy import stats

from common import arguments, emit
from correlation.world import World, folder_or_none, subset, world
from stillwatch.provenance.fit import (
    FEATURES,
    Fold,
    auc,
    cross_fit,
    null_p_values,
    tpr,
    vendor_top,
)
from stillwatch.provenance.measure import measure
from stillwatch.provenance.plan import chosen

ALL = (*FEATURES, "shared-8-grams", "rare-3-grams")


def folded(w: World, features: tuple[str, ...] = FEATURES) -> Fold:
    """Cross-fit on pairs of certain lineage."""
    return cross_fit(w.measured, w.panel.pairs, features, w.certain_nulls)


def sides(w: World, fold: Fold) -> tuple[np.ndarray, np.ndarray]:
    """Masks of null pairs, and of the hard ones among them."""
    null = ~fold.known
    return null, null & np.array([w.hard(m) for m in fold.models])


def interval(fold: Fold, null: np.ndarray, figure: Any, draws: int = 2000) -> str:
    """A figure of known and null scores with its interval over resampled clusters."""
    rng = np.random.default_rng(0)
    names = np.array(fold.clusters)
    both = fold.known | null
    groups = {c: np.flatnonzero((names == c) & both) for c in sorted(set(names[both]))}
    members = list(groups.values())
    values = []
    while len(values) < draws:
        rows = np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))])
        known, other = fold.scores[rows[fold.known[rows]]], fold.scores[rows[null[rows]]]
        if known.size and other.size:
            values.append(figure(known, other))
    low, high = np.percentile(values, [2.5, 97.5])
    value = figure(fold.scores[fold.known], fold.scores[null])
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def share(hits: int, total: int) -> str:
    """A share with its Wilson interval."""
    ci = stats.binomtest(hits, total).proportion_ci(method="wilson")
    return f"{hits / total:.3f} [{ci.low:.3f}, {ci.high:.3f}] {hits}/{total}"


def quality(w: World, draws: int) -> dict[str, Any]:
    """AUC, TPR, vendor, derived weights, fewer prompts."""
    fold = folded(w)
    null, hard = sides(w, fold)
    known = int(fold.known.sum())

    def at5(k: np.ndarray, n: np.ndarray) -> float:
        return tpr(k, n, 0.05)

    few = [np.array(fewer(w, 50, seed)) for seed in range(draws)]
    planned = np.array(scored(w, chosen(w.measured, 50)))
    rows: list[list[Any]] = [
        ["AUC, known against null pairs", interval(fold, null, auc), known, int(null.sum())],
        ["AUC, against hard nulls", interval(fold, hard, auc), known, int(hard.sum())],
        ["TPR at 5 % FPR, null pairs", interval(fold, null, at5), known, int(null.sum())],
        ["TPR at 5 % FPR, hard nulls", interval(fold, hard, at5), known, int(hard.sum())],
        [
            "vendor of the closest teacher is right",
            share(round(vendor_top(w.measured, fold) * known), known),
            known,
            "",
        ],
        [
            "AUC, derived weights against null pairs",
            f"{derived(w, fold, null):.3f}",
            4,
            int(null.sum()),
        ],
        [
            f"AUC at 50 random prompts, mean of {draws} draws (least, most)",
            f"{np.mean(few):.3f} ({np.min(few):.3f}, {np.max(few):.3f})",
            known,
            int(null.sum()),
        ],
        ["AUC at the 50 prompts that `plan` chooses", f"{planned:.3f}", known, int(null.sum())],
    ]
    return {
        "title": "Cross-fitted quality",
        "head": ("figure", "value", "known pairs", "null pairs"),
        "rows": rows,
    }


def derived(w: World, fold: Fold, null: np.ndarray) -> float:
    """AUC of models that continue a teacher's own weights or rewrite its answers."""
    kinds = ("derived_weights", "pipeline_over_outputs", "same_weights_other_prompt")
    names = [t.model for t in w.measured.teachers]
    scores = [
        fold.all_scores[w.measured.index(m), names.index(w.teacher[m])]
        for m, relation in w.relation.items()
        if relation in kinds and w.teacher[m] in names
    ]
    return auc(np.array(scores), fold.scores[null])


def scored(w: World, kept: np.ndarray) -> float:
    """AUC on some of the prompts."""
    aligned = subset(w.aligned, kept)
    part = measure(aligned, w.panel, FEATURES)
    fold = cross_fit(part, w.panel.pairs, FEATURES, w.certain_nulls)
    return auc(fold.scores[fold.known], fold.scores[~fold.known])


def fewer(w: World, prompts: int, seed: int) -> float:
    """AUC on prompts drawn at random."""
    order = np.random.default_rng(seed).permutation(len(w.aligned.prompts))
    return scored(w, order[:prompts])


def calibration(w: World) -> dict[str, Any]:
    """p-values of null pairs, each ranked among null pairs of other clusters."""
    fold = folded(w)
    null, hard = sides(w, fold)
    everything = cross_fit(w.measured, w.panel.pairs, FEATURES)
    rows = []
    for title, f, mask in (
        ("null pairs of certain lineage", fold, null),
        ("hard nulls", fold, hard),
        ("all null pairs of the panel", everything, ~everything.known),
        ("known pairs (power)", fold, fold.known),
    ):
        p = null_p_values(w.measured, f, mask)
        counts = np.histogram(p[:, 0], 10, (0, 1))[0]
        rows.append(
            [
                title,
                share(int((p[:, 0] <= 0.05).sum()), len(p)),
                share(int((p[:, 1] <= 0.05).sum()), len(p)),
                share(int((p[:, 0] <= 0.1).sum()), len(p)),
                " ".join(map(str, counts)),
            ]
        )
    head = ("pairs", "p <= 0.05", "strict p <= 0.05", "p <= 0.1", "histogram of p, ten bins")
    return {"title": "p-values", "head": head, "rows": rows}


def ablation(w: World) -> dict[str, Any]:
    """Each affinity alone, all seven, and with differences-in-differences."""
    sets = [(name, (name,)) for name in ALL]
    sets += [
        ("the five shipped", FEATURES),
        ("all seven", ALL),
        ("the five with differences-in-differences", (*FEATURES, *(f"{f}-did" for f in FEATURES))),
        ("the five by differences-in-differences only", tuple(f"{f}-did" for f in FEATURES)),
    ]
    rows = []
    for title, features in sets:
        fold = folded(w, features)
        null, hard = sides(w, fold)
        known = fold.scores[fold.known]
        rows.append(
            [
                title,
                f"{auc(known, fold.scores[null]):.3f}",
                f"{auc(known, fold.scores[hard]):.3f}",
                f"{tpr(known, fold.scores[null], 0.05):.2f}",
                f"{vendor_top(w.measured, fold):.2f}",
            ]
        )
    head = ("affinities", "AUC", "AUC, hard nulls", "TPR at 5 % FPR", "vendor top 1")
    return {"title": "What each affinity earns", "head": head, "rows": rows}


def measured(draws: int) -> dict[str, Any]:
    """All tables of this page, or why not."""
    folder = folder_or_none()
    if folder is None:
        return {"skipped": "the answers are absent (STILLWATCH_DATA)"}
    w = world(folder, ALL)
    return {"tables": [quality(w, draws), calibration(w), ablation(w)]}


if __name__ == "__main__":
    options = arguments(__doc__, draws=5)
    emit(measured(options.draws), options.json)
