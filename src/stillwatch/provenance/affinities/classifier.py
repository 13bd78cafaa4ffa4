"""A classifier that tells the teachers apart, asked whom a model sounds like.

Multinomial logistic regression on TF-IDF of tokens, trained on the teachers'
answers; a model's answer to a prompt is scored by a classifier that never saw this prompt, so that
topics cannot speak for a teacher.
"""

import numpy as np
from scipy import optimize, sparse

from stillwatch.provenance.affinities.interface import Exhibit, Floats, PerPrompt, without_self
from stillwatch.provenance.affinities.sparse import counts

_PENALTY = 1e-4


def _tfidf(matrix: sparse.csr_matrix, known: sparse.csr_matrix) -> sparse.csr_matrix:
    """Damped counts times rarity, rows of unit length."""
    holders = np.bincount(known.indices, minlength=matrix.shape[1])
    rarity = np.log((1 + known.shape[0]) / (1 + holders)) + 1
    out = matrix.copy()
    out.data = np.log1p(out.data)
    out = out.multiply(rarity[None, :]).tocsr()
    norm = np.sqrt(np.asarray(out.multiply(out).sum(axis=1)).ravel()).clip(1e-9)
    return sparse.diags(1 / norm).dot(out).astype(np.float32).tocsr()


def train(x: sparse.csr_matrix, y: np.ndarray, weight: np.ndarray, classes: int) -> Floats:
    """Softmax regression by L-BFGS; returns coefficients, shape ``(features, classes)``."""
    hot = np.zeros((y.size, classes), np.float32)
    hot[np.arange(y.size), y] = 1
    transposed = x.T.tocsr()
    share = (weight / weight.sum()).astype(np.float32)

    def loss(flat: Floats) -> tuple[float, Floats]:
        w = flat.reshape(x.shape[1], classes)
        p = _softmax(x @ w.astype(np.float32))
        value = -float((share * np.log(p[np.arange(y.size), y].clip(1e-12))).sum())
        gradient = transposed @ ((p - hot) * share[:, None]) + 2 * _PENALTY / classes * w
        return value + _PENALTY / classes * float((w**2).sum()), gradient.ravel().astype(np.float64)

    start = np.zeros(x.shape[1] * classes)
    found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 30})
    return np.asarray(found.x).reshape(x.shape[1], classes)


class Classifier:
    """Probability of each teacher, averaged over answers.

    Probabilities, not log-odds: they are bounded, so a few answers far from every teacher cannot
    outweigh the rest.
    """

    name = "classifier"

    def prepare(self, exhibit: Exhibit) -> PerPrompt:
        """Train one classifier per fold of prompts and score all models."""
        tokens, teachers = exhibit.tokens, exhibit.teachers
        matrix, _ = counts(tokens, (1,), least=5, most=10_000)
        fold = np.tile(exhibit.fold, tokens.models)
        present = tokens.present.ravel()
        rows = np.concatenate([np.arange(tokens.prompts) + t * tokens.prompts for t in teachers])
        label = np.repeat(np.arange(len(teachers)), tokens.prompts)
        weight = np.repeat([1 / exhibit.vendors.count(v) for v in exhibit.vendors], tokens.prompts)
        out = np.full((tokens.models * tokens.prompts, len(teachers)), np.nan, np.float32)
        for held in range(exhibit.folds):
            use = present[rows] & (fold[rows] != held)
            known = matrix[rows[use]]
            coefficients = train(_tfidf(known, known), label[use], weight[use], len(teachers))
            asked = np.flatnonzero((fold == held) & present)
            out[asked] = _softmax(_tfidf(matrix[asked], known) @ coefficients)
        shaped = out.reshape(tokens.models, tokens.prompts, len(teachers)).transpose(0, 2, 1)
        return without_self(np.ascontiguousarray(shaped), teachers)


def _softmax(z: Floats) -> Floats:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))
