"""n-grams of token ids, hashed to 64 bits, per answer or pooled.

Two different n-grams collide with a chance of 2**-64 each pair: at the ten million n-grams of a
large panel that is one expected collision in 300,000 panels.
"""

import numpy as np
import numpy.typing as npt

from stillwatch.provenance.tokens import Longs, Tokens

Hashes = npt.NDArray[np.uint64]

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_FINAL = np.uint64(0xBF58476D1CE4E5B9)


def grams(tokens: Tokens, n: int) -> tuple[Hashes, Longs]:
    """Hash of every n-gram that lies inside one answer, and the token it begins at."""
    size = tokens.flat.size - n + 1
    if size <= 0:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    value = np.full(size, np.uint64(n))
    for k in range(n):
        value = (value ^ tokens.flat[k : k + size].astype(np.uint64)) * _MULTIPLIER
        value ^= value >> np.uint64(29)
        value *= _FINAL
        value ^= value >> np.uint64(32)
    at = np.flatnonzero(tokens.owner[:size] == tokens.owner[n - 1 :])
    return value[at], at


def distinct(tokens: Tokens, n: int) -> tuple[Hashes, Longs]:
    """Sorted distinct n-grams of each answer, and where each answer's begin.

    Shapes ``(total,)`` and ``(models * prompts + 1,)``.
    """
    value, at = grams(tokens, n)
    owner = tokens.owner[at]
    order = np.lexsort((value, owner))
    value, owner = value[order], owner[order]
    fresh = np.ones(value.size, np.bool_)
    fresh[1:] = (value[1:] != value[:-1]) | (owner[1:] != owner[:-1])
    value, owner = value[fresh], owner[fresh]
    starts = np.zeros(tokens.starts.size, np.int64)
    np.cumsum(np.bincount(owner, minlength=starts.size - 1), out=starts[1:])
    return value, starts


def rarity(value: Hashes, starts: Longs, models: int, prompts: int) -> npt.NDArray[np.float64]:
    """``log(models / models that hold the n-gram for this prompt)`` of each distinct n-gram."""
    answer = np.repeat(np.arange(starts.size - 1), np.diff(starts))
    prompt = (answer % prompts).astype(np.uint64)
    key = (value ^ (prompt * _FINAL)) * _MULTIPLIER
    _, inverse, counts = np.unique(key, return_inverse=True, return_counts=True)
    return np.asarray(np.log(models / counts[inverse]), dtype=np.float64)
