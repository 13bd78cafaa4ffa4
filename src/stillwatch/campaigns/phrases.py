"""Phrases that keep company: shingles that the same accounts hold.

Compared as wholes, two streams of one job differ in all that a paraphrase changes and in the cover
that leaked in. Its scaffold's phrases do not: whatever else an account does, it holds a share of
them, and hardly anyone else does. So phrases are compared by who holds them, and a cluster of
phrases is a scaffold, in one language or several.

    likeness    accounts that hold both phrases over accounts that hold either (Jaccard)

These kernels are a fast way to the relations of ``campaigns.definitions``, which say what is meant.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from stillwatch.campaigns.definitions import ALIKE, FEWEST, HUB, TOGETHER
from stillwatch.campaigns.streams import Ints, Streams

Floats = npt.NDArray[np.float64]

_HALF = 32
_LOWER = (1 << _HALF) - 1
_BLOCK = 1 << 11  # phrases compared at a time by one thread; bounds temporary memory


@dataclass(frozen=True, slots=True)
class Phrases:
    """Shingles of skeletons that neither few nor many accounts hold; n phrases."""

    keys: npt.NDArray[np.uint32]
    """Ascending."""
    left: Ints
    """Pairs of phrases that are alike, each once, ``left < right``."""
    right: Ints
    likeness: Floats


def phrases_of(streams: Streams, usable: npt.NDArray[np.bool_]) -> Phrases:
    """The phrases of the ``usable`` accounts' streams, and which are alike."""
    owner = np.repeat(streams.owner, np.diff(streams.key_starts))
    chosen = usable[owner]
    keys, openings, account = _holders(streams.keys[chosen], owner[chosen])
    holders = np.diff(openings)
    number = np.repeat(np.arange(keys.size), holders)
    held = np.sort(account << _HALF | number)  # by account
    starts = np.searchsorted(held >> _HALF, np.arange(usable.size + 1))
    number = held & _LOWER

    def block(start: int) -> tuple[npt.NDArray[np.generic], ...]:
        stop = min(start + _BLOCK, keys.size)
        return tuple(_alike(start, stop, openings, account, starts, number, holders))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(block, range(0, keys.size, _BLOCK))) or [block(0)]
    left, right, likeness = (np.concatenate(part) for part in zip(*found, strict=True))
    return Phrases(keys, left, right, likeness)


def _holders(
    shingle: npt.NDArray[np.uint32], owner: Ints
) -> tuple[npt.NDArray[np.uint32], Ints, Ints]:
    """Shingles that neither few nor many accounts hold, where the holders of each begin, and these.

    Pairs of shingle and holder are one number each, because nothing is faster than sorting numbers.
    """
    pairs = np.sort(shingle.astype(np.uint64) << np.uint64(_HALF) | owner.astype(np.uint64))
    pairs = pairs[_changes(pairs)]  # two streams of an account may share a shingle
    said = pairs >> np.uint64(_HALF)
    first = np.flatnonzero(_changes(said))
    holders = np.diff(first, append=said.size)
    kept = (holders >= FEWEST) & (holders <= HUB)
    account = (pairs[np.repeat(kept, holders)] & np.uint64(_LOWER)).astype(np.int64)
    openings = np.concatenate([[0], np.cumsum(holders[kept])])
    return said[first[kept]].astype(np.uint32), openings, account


def _changes(ordered: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """Where another number than the one before stands."""
    return np.concatenate([np.ones(ordered[:1].size, np.bool_), ordered[1:] != ordered[:-1]])


@njit(nogil=True, cache=True)
def _alike(start, stop, openings, account, starts, number, holders):  # type: ignore[no-untyped-def]
    """Pairs whose lesser phrase is in ``range(start, stop)``: count whom its holders hold, too."""
    left, right = np.empty(1 << 12, np.int64), np.empty(1 << 12, np.int64)
    likeness = np.empty(left.size)
    n = 0
    together = np.zeros(holders.size, np.int32)
    met = np.empty(holders.size, np.int64)
    for phrase in range(start, stop):
        others = 0
        for one in account[openings[phrase] : openings[phrase + 1]]:
            for at in range(starts[one + 1] - 1, starts[one] - 1, -1):
                other = number[at]
                if other <= phrase:
                    break
                if not together[other]:
                    met[others] = other
                    others += 1
                together[other] += 1
        for other in np.sort(met[:others]):
            both = together[other]
            together[other] = 0
            alike = both / (holders[phrase] + holders[other] - both)
            if both >= TOGETHER and alike >= ALIKE:
                if n == left.size:
                    left = np.concatenate((left, np.empty_like(left)))
                    right = np.concatenate((right, np.empty_like(right)))
                    likeness = np.concatenate((likeness, np.empty_like(likeness)))
                left[n], right[n], likeness[n] = phrase, other, alike
                n += 1
    return left[:n].copy(), right[:n].copy(), likeness[:n].copy()
