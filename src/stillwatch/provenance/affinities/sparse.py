"""Counts of n-grams per answer as a sparse matrix, shared by the affinities that learn."""

import numpy as np
from scipy import sparse

from stillwatch.provenance.affinities.grams import Hashes, grams
from stillwatch.provenance.tokens import Tokens


def counts(
    tokens: Tokens, orders: tuple[int, ...], least: int, most: int
) -> tuple[sparse.csr_matrix, Hashes]:
    """n-grams that occur in at least ``least`` answers, the ``most`` commonest of them.

    Returns counts, shape ``(models * prompts, n-grams)``, and the hash of each column.
    """
    found = [_counts(tokens, n, least) for n in orders]
    matrix = sparse.hstack([part for part, _ in found], format="csr")
    kinds = np.concatenate([hashes for _, hashes in found])
    if kinds.size > most:
        holders = np.bincount(matrix.indices, minlength=kinds.size)
        kept = np.sort(np.argsort(-holders, kind="stable")[:most])
        matrix, kinds = matrix[:, kept], kinds[kept]
    return matrix, kinds


def _counts(tokens: Tokens, n: int, least: int) -> tuple[sparse.csr_matrix, Hashes]:
    """Count one order of n-grams; rare ones are gone before the next order takes memory."""
    value, at = grams(tokens, n)
    kinds, inverse, times = np.unique(value, return_inverse=True, return_counts=True)
    del value
    # occurrences bound answers from above: most kinds go here, without any matrix
    often = np.flatnonzero(times >= least)
    place = np.full(kinds.size, -1, np.int32)
    place[often] = np.arange(often.size, dtype=np.int32)
    column = place[inverse]
    used = column >= 0
    owner = tokens.owner[at[used]].astype(np.int32)
    matrix = sparse.csr_matrix(
        (np.ones(owner.size, np.float32), (owner, column[used])),
        shape=(tokens.starts.size - 1, often.size),
    )
    kinds = kinds[often]
    kept = np.flatnonzero(np.bincount(matrix.indices, minlength=kinds.size) >= least)
    return matrix[:, kept], kinds[kept]
