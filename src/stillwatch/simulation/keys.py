"""Text and choices as pure functions of a 64-bit key.

Why: a world must be repeatable, its memory must not grow with its days, and the accounts of a
job must divide *one* prompt set. All three follow when item number 17 of a prompt set, or the
favourite template of an account, is computed from a key instead of being drawn and remembered.

>>> import numpy as np
>>> a = mix(np.array([1, 2], dtype=np.uint64), 7)
>>> bool((a == mix(np.array([1, 2], dtype=np.uint64), 7)).all())
True
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.uint64]
"""One 64-bit key per item."""

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MUL_1 = np.uint64(0xBF58476D1CE4E5B9)
_MUL_2 = np.uint64(0x94D049BB133111EB)


def mix(keys: Keys, salt: int | Keys) -> Keys:
    """Hash keys with a salt (splitmix64 finaliser, Steele et al. 2014), element by element."""
    salts = np.asarray(salt, dtype=np.uint64)
    with np.errstate(over="ignore"):
        z = keys ^ ((salts + np.uint64(1)) * _GAMMA)
        z = (z ^ (z >> np.uint64(30))) * _MUL_1
        z = (z ^ (z >> np.uint64(27))) * _MUL_2
        return np.asarray(z ^ (z >> np.uint64(31)), dtype=np.uint64)


def key(*parts: int) -> int:
    """One key from several integers, for things that have no array of their own."""
    value = np.zeros(1, dtype=np.uint64)
    for part in parts:
        value = mix(value, part & 0xFFFFFFFFFFFFFFFF)
    return int(value[0])


def pick(keys: Keys, size: int) -> npt.NDArray[np.int64]:
    """Map keys to 0 .. size-1, uniformly."""
    return (keys % np.uint64(size)).astype(np.int64)


def unit(keys: Keys) -> npt.NDArray[np.float64]:
    """Map keys to [0, 1)."""
    return (keys >> np.uint64(11)).astype(np.float64) * 2.0**-53


def fresh(rng: np.random.Generator, n: int) -> Keys:
    """Draw n keys that were never used before (up to chance)."""
    return rng.integers(0, 2**64 - 1, size=n, dtype=np.uint64)


def ranks(
    rng: np.random.Generator, n: int, size: int, exponent: float = 1.0
) -> npt.NDArray[np.int64]:
    """Draw n ranks from 0 .. size-1 with Zipf weights: popular things are popular."""
    weights = 1.0 / np.arange(1, size + 1) ** exponent
    edges = np.cumsum(weights / weights.sum())
    return np.minimum(np.searchsorted(edges, rng.random(n)), size - 1)


def choose(
    rng: np.random.Generator, n: int, options: Sequence[float] | Sequence[int]
) -> npt.NDArray[np.float64]:
    """Draw n values uniformly from a few options."""
    return np.asarray(options, dtype=np.float64)[rng.integers(0, len(options), size=n)]
