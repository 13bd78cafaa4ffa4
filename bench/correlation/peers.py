"""What others would say of the same pairs: three methods without a null over models.

fingerprint cosine  cosine of the models' mean word-frequency vectors, "derived" from 0.85 on, in the
                    manner of knowlyr-modelaudit (probes, cosine, fixed threshold)
ROUGE-L z-test      a pair is accused if, over prompts, ROUGE-L to the teacher exceeds the mean to the
                    other vendors' models at p < 0.05 (one-sided z-test, prompts as the sample)
Hamming MMD         model equality testing (Gao et al. 2024): MMD with a Hamming kernel over the first 50
                    tokens, permutation test; accused if equality is *not* rejected at 0.05. It is made to
                    find the same weights behind an API, not students, and wants several samples per
                    prompt; the data has one

cd bench && python -m correlation.peers [--json]
"""

from typing import Any

import numpy as np
from scipy import stats

from common import arguments, emit
from correlation.figures import folded, share, sides
from correlation.world import World, folder_or_none, world
from stillwatch.provenance.affinities.interface import PerPrompt
from stillwatch.provenance.fit import auc, null_p_values

_LENGTH = 50
_PERMUTATIONS = 200


def pairs(w: World) -> tuple[list[tuple[int, int]], np.ndarray, np.ndarray]:
    """Known and null pairs of certain lineage; masks of known and of hard ones."""
    fold = folded(w)
    names = [t.model for t in w.measured.teachers]
    both = [
        (w.measured.index(m), names.index(t))
        for m, t in zip(fold.models, fold.teachers, strict=True)
    ]
    return both, fold.known, sides(w, fold)[1]


def cosine(w: World) -> np.ndarray:
    """Cosine of mean word frequencies, shape ``(models, teachers)``."""
    tokens = w.measured.exhibit.tokens
    per_model = tokens.owner // tokens.prompts
    size = len(tokens.vocabulary)
    counts = np.bincount(per_model * size + tokens.flat, minlength=tokens.models * size)
    vectors = counts.reshape(tokens.models, size).astype(float)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors @ vectors[list(w.measured.exhibit.teachers)].T


def rouge_p(w: World, model: int, teacher: int) -> float:
    """One-sided p over prompts."""
    evidence = w.measured.evidence["rouge-l"]
    assert isinstance(evidence, PerPrompt)
    vendors = w.measured.field.vendors
    others = [i for i, v in enumerate(vendors) if v != vendors[teacher]]
    gap = evidence.values[model, teacher] - np.nanmean(evidence.values[model, others], axis=0)
    gap = gap[np.isfinite(gap)]
    return float(stats.norm.sf(gap.mean() / (gap.std(ddof=1) / np.sqrt(gap.size))))


def codes(w: World, model: int) -> np.ndarray:
    """First tokens of each answer, shape ``(prompts, 50)``, -1 where shorter."""
    tokens = w.measured.exhibit.tokens
    out = np.full((tokens.prompts, _LENGTH), -1, np.int32)
    for p in range(tokens.prompts):
        ids = tokens.answer(model, p)[:_LENGTH]
        out[p, : ids.size] = ids
    return out


def mmd(one: np.ndarray, two: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """Squared MMD and its permutation p-value; labels are swapped inside prompts."""
    pooled = np.concatenate([one, two])
    kernel = np.zeros((len(pooled), len(pooled)), np.float32)
    for column in range(_LENGTH):
        token = pooled[:, column]
        kernel += (token[:, None] == token[None, :]) & (token[:, None] >= 0)
    kernel /= _LENGTH
    np.fill_diagonal(kernel, 0)
    n = len(one)

    flip = rng.choice(np.array([-1, 1], np.float32), (_PERMUTATIONS + 1, n))
    flip[0] = 1  # as observed
    sign = np.concatenate([flip, -flip], axis=1)
    # within-sample means less the cross mean, as one quadratic form
    values = ((sign @ kernel) * sign).sum(axis=1) / (n * (n - 1))
    return float(values[0]), float((values >= values[0]).mean())


def same_teacher(score: np.ndarray, known: np.ndarray, teacher: np.ndarray) -> float:
    """AUC where a known pair meets null pairs of its own teacher only.

    Ten of the 18 students are of one teacher that everybody resembles: a score that says no more than
    which teacher it is about ranks pairs of different teachers well.
    """
    parts = [
        auc(score[known & (teacher == t)], score[~known & (teacher == t)])
        for t in teacher[known]
        if (~known & (teacher == t)).any()
    ]
    return float(np.mean(parts))


def measured() -> dict[str, Any]:
    """The table, or why not."""
    folder = folder_or_none()
    if folder is None:
        return {"skipped": "the answers are absent (STILLWATCH_DATA)"}
    w = world(folder)
    both, known, hard = pairs(w)
    likeness = cosine(w)
    near = np.array([likeness[m, t] for m, t in both])
    z = np.array([rouge_p(w, m, t) for m, t in both])
    rng = np.random.default_rng(0)
    teachers = w.measured.exhibit.teachers
    cached = {m: codes(w, m) for m in {m for m, _ in both} | set(teachers)}
    tests = np.array([mmd(cached[m], cached[teachers[t]], rng) for m, t in both])
    fold = folded(w)
    p = null_p_values(w.measured, fold, np.ones(known.size, np.bool_))
    methods = [
        ("fingerprint cosine, threshold 0.85", near, near >= 0.85),
        ("ROUGE-L, z-test over prompts", -z, z < 0.05),
        ("Hamming MMD, equality not rejected", -tests[:, 0], tests[:, 1] > 0.05),
        ("stillwatch, p <= 0.05", fold.scores, p[:, 0] <= 0.05),
        ("stillwatch, strict p <= 0.05", fold.scores, p[:, 1] <= 0.05),
    ]
    rows = [
        [
            title,
            f"{auc(score[known], score[~known]):.3f}",
            f"{same_teacher(score, known, np.array([t for _, t in both])):.3f}",
            share(int(accused[~known].sum()), int((~known).sum())),
            share(int(accused[hard].sum()), int(hard.sum())),
            share(int(accused[known].sum()), int(known.sum())),
        ]
        for title, score, accused in methods
    ]
    head = (
        "method",
        "AUC",
        "AUC, same teacher",
        "false accusations",
        "of hard nulls",
        "students found",
    )
    return {"head": head, "rows": rows}


if __name__ == "__main__":
    emit(measured(), arguments(__doc__).json)
