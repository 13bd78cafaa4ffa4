"""Distinctive phrases: what a teacher says more often than the other models do.

Log-odds with an informative Dirichlet prior (Monroe, Colaresi, Quinn 2008, "Fightin' Words"), on
1- to 4-grams, learned on the answers to other prompts than the ones scored. A model's affinity is
the mean log-odds of what it says.
"""

import numpy as np
from scipy import sparse

from stillwatch.provenance.affinities.interface import Exhibit, Floats, PerPrompt, without_self
from stillwatch.provenance.affinities.sparse import counts

_PRIOR = 1000.0
_BACKGROUND = 5.0
"""Weight of the other models' mean rates, in bodies of text as large as the teacher's."""
_SURE = 2.0
ORDERS = (1, 2, 3, 4)


def log_odds(own: Floats, others: Floats) -> tuple[Floats, Floats]:
    """Log-odds-ratio of each phrase, and its z.

    ``own`` are a teacher's counts, ``others`` the mean rates of the other models, shape
    ``(phrases,)`` both.
    """
    rates = others + 1e-9
    prior = _PRIOR * rates / rates.sum()
    mine = own + prior
    theirs = rates / rates.sum() * own.sum() * _BACKGROUND + prior
    ratio = np.log(mine / (mine.sum() - mine)) - np.log(theirs / (theirs.sum() - theirs))
    return ratio, ratio / np.sqrt(1 / mine + 1 / theirs)


def totals(matrix: sparse.csr_matrix, models: int, prompts: np.ndarray) -> Floats:
    """Counts of each model on chosen prompts (a mask), shape ``(models, phrases)``."""
    chosen = np.tile(prompts, models)
    rows = np.flatnonzero(chosen)
    pick = sparse.csr_matrix(
        (np.ones(rows.size, np.float32), (rows // prompts.size, rows)), shape=(models, chosen.size)
    )
    return np.asarray((pick @ matrix).todense(), dtype=np.float64)


class Phrases:
    """Mean log-odds, for a teacher, of what a model says."""

    name = "phrases"

    def prepare(self, exhibit: Exhibit) -> PerPrompt:
        """Learn the phrases fold by fold and weigh every answer."""
        tokens, teachers = exhibit.tokens, exhibit.teachers
        matrix, _ = counts(tokens, ORDERS, least=10, most=60_000)
        said = np.asarray(matrix.sum(axis=1)).ravel()
        fold = np.tile(exhibit.fold, tokens.models)
        out = np.full((tokens.models * tokens.prompts, len(teachers)), np.nan, np.float32)
        for held in range(exhibit.folds):
            known = totals(matrix, tokens.models, exhibit.fold != held)
            rates = known / known.sum(axis=1, keepdims=True).clip(1)
            everyone = rates.sum(axis=0)
            weight = np.zeros((matrix.shape[1], len(teachers)), np.float32)
            for column, t in enumerate(teachers):
                others = (everyone - rates[t]) / max(tokens.models - 1, 1)
                ratio, z = log_odds(known[t], others)
                weight[:, column] = np.where(np.abs(z) > _SURE, ratio, 0)
            asked = np.flatnonzero((fold == held) & tokens.present.ravel())
            out[asked] = (matrix[asked] @ weight) / said[asked].clip(1)[:, None]
        shaped = out.reshape(tokens.models, tokens.prompts, len(teachers)).transpose(0, 2, 1)
        return without_self(np.ascontiguousarray(shaped), teachers)
