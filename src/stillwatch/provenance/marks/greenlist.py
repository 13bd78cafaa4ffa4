"""The green list: which tokens a key favours after which token, and how often a text follows it.

After each token the key splits the vocabulary: a share gamma of it is green. Serving adds delta to green
logits; testing counts green tokens (Kirchenbauer et al. 2023, "A Watermark for Large Language
Models"; radioactivity of such text in students: Sander et al. 2024).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from numba import uint64
from scipy import stats

from stillwatch.profiles.hashing import allocating_kernel, helper, mix64
from stillwatch.provenance.marks.keys import Key, siphash

Ids = npt.NDArray[np.uint64]
Bools = npt.NDArray[np.bool_]

LEAST_PAIRS: Final = 100
"""Distinct pairs of tokens below which a text is too short to be tested."""


@helper
def _green(seed, token, threshold):  # type: ignore[no-untyped-def]
    return mix64(uint64(seed) ^ (uint64(token) * uint64(0x9E3779B97F4A7C15))) < threshold


@allocating_kernel
def _mask(k0, k1, before, size, threshold):  # type: ignore[no-untyped-def]
    out = np.empty(size, np.bool_)
    seed = siphash(k0, k1, before)
    for token in range(size):
        out[token] = _green(seed, token, threshold)
    return out


@allocating_kernel
def _hits(k0, k1, before, token, threshold):  # type: ignore[no-untyped-def]
    hits = 0
    last, seed = uint64(0), siphash(k0, k1, uint64(0))
    for i in range(before.size):
        if before[i] != last:
            last = before[i]
            seed = siphash(k0, k1, last)
        hits += _green(seed, token[i], threshold)
    return hits


def _threshold(gamma: float) -> np.uint64:
    return np.uint64(int(gamma * 2.0**64))


def green_mask(key: Key, before: int, size: int, gamma: float) -> Bools:
    """Which of tokens ``0 .. size - 1`` are green after token ``before``; shape ``(size,)``."""
    k0, k1 = key.halves
    return np.asarray(_mask(k0, k1, np.uint64(before), size, _threshold(gamma)))


@dataclass(frozen=True, slots=True)
class Pairs:
    """Distinct pairs of successive tokens of some texts, sorted by the first."""

    before: Ids
    token: Ids
    tokens: int
    """Tokens in all, repeats included."""


def distinct_pairs(texts: Sequence[npt.NDArray[np.integer]]) -> Pairs:
    """Collect the pairs of texts given as token ids; a pair never spans two texts."""
    befores = [np.asarray(t[:-1], np.uint64) for t in texts if len(t) > 1]
    tokens = [np.asarray(t[1:], np.uint64) for t in texts if len(t) > 1]
    total = sum(len(t) for t in texts)
    if not befores:
        return Pairs(np.zeros(0, np.uint64), np.zeros(0, np.uint64), total)
    both = np.stack([np.concatenate(befores), np.concatenate(tokens)], axis=1)
    both = np.unique(both, axis=0)
    return Pairs(np.ascontiguousarray(both[:, 0]), np.ascontiguousarray(both[:, 1]), total)


@dataclass(frozen=True, slots=True)
class Count:
    """How often a text follows a key."""

    cohort: str
    hits: int
    distinct: int
    """Contexts, each counted once."""
    expected: float
    """Hits if the key had no part in the text."""
    p: float
    """Exact: chance of as many hits or more under a key that had no part."""


def count_green(pairs: Pairs, key: Key, gamma: float) -> Count:
    """Exact binomial test of one key."""
    k0, k1 = key.halves
    n = int(pairs.before.size)
    hits = int(_hits(k0, k1, pairs.before, pairs.token, _threshold(gamma)))
    return Count(key.cohort, hits, n, gamma * n, float(stats.binom.sf(hits - 1, n, gamma)))
