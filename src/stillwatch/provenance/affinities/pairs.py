"""Kernels that compare two answers to one prompt: ROUGE-L and shared n-grams.

All take the flat token stream and fill ``out[model, teacher, prompt]``; an absent answer on
either side leaves NaN. Longest common subsequences are bit-parallel (Hyyrö 2004): 64 cells of
the table at a time.
"""

from typing import Any

import numpy as np
from numba import njit, prange

import stillwatch.profiles  # noqa: F401 - says where compiled kernels are kept

_ONE = np.uint64(1)


def _kernel(function: Any) -> Any:
    return njit(parallel=True, cache=True, nogil=True)(function)


@_kernel
def rouge(flat, starts, models, prompts, teachers, size, out):  # type: ignore[no-untyped-def]
    """F-measure of the longest common subsequence (ROUGE-L, Lin 2004)."""
    for p in prange(prompts):
        first = np.full(size, -1, np.int32)
        for t in range(teachers.size):
            b = starts[teachers[t] * prompts + p]
            nb = starts[teachers[t] * prompts + p + 1] - b
            words = (nb + 63) // 64
            # positions of each token of the teacher's answer, as bit masks
            masks = np.zeros((nb, max(words, 1)), np.uint64)
            kinds = 0
            for j in range(nb):
                token = flat[b + j]
                if first[token] < 0:
                    first[token] = kinds
                    kinds += 1
                masks[first[token], j >> 6] |= _ONE << np.uint64(j & 63)
            row = np.empty(max(words, 1), np.uint64)
            for m in range(models):
                a = starts[m * prompts + p]
                na = starts[m * prompts + p + 1] - a
                if na == 0 or nb == 0:
                    out[m, t, p] = np.nan
                    continue
                row[:] = ~np.uint64(0)
                for i in range(na):
                    kind = first[flat[a + i]]
                    if kind < 0:
                        continue
                    carry = np.uint64(0)
                    for w in range(words):
                        v = row[w]
                        u = v & masks[kind, w]
                        s = v + u
                        c = np.uint64(s < v)
                        s2 = s + carry
                        c |= np.uint64(s2 < s)
                        row[w] = s2 | (v & ~masks[kind, w])
                        carry = c
                length = 0
                for j in range(nb):
                    if (row[j >> 6] >> np.uint64(j & 63)) & _ONE == 0:
                        length += 1
                out[m, t, p] = 2.0 * length / (na + nb)
            for j in range(nb):
                first[flat[b + j]] = -1


@_kernel
def weighted_overlap(ids, starts, models, prompts, teachers, weight, cosine, out):  # type: ignore[no-untyped-def]
    """Shared weight of two sorted sets of ids per answer.

    ``cosine`` divides by the geometric mean of both weights, otherwise by the model's own
    (containment: how much of the model's answer is in the teacher's).
    """
    for m in prange(models):
        for t in range(teachers.size):
            for p in range(prompts):
                i, i1 = starts[m * prompts + p], starts[m * prompts + p + 1]
                j, j1 = starts[teachers[t] * prompts + p], starts[teachers[t] * prompts + p + 1]
                if i == i1 or j == j1:
                    out[m, t, p] = np.nan
                    continue
                both, mine, theirs = 0.0, 0.0, 0.0
                for k in range(i, i1):
                    mine += weight[k]
                for k in range(j, j1):
                    theirs += weight[k]
                while i < i1 and j < j1:
                    if ids[i] == ids[j]:
                        both += weight[i]
                        i += 1
                        j += 1
                    elif ids[i] < ids[j]:
                        i += 1
                    else:
                        j += 1
                whole = np.sqrt(mine * theirs) if cosine else mine
                out[m, t, p] = both / whole if whole > 0 else 0.0
