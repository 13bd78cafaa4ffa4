"""Phrases that keep company: shingles that the same accounts hold.

Compared as wholes, two streams of one job differ in all that a paraphrase changes and in the cover
that leaked in. Its scaffold's phrases do not: whatever else an account does, it holds a share of
them, and hardly anyone else does. So phrases are compared by who holds them, and a cluster of
phrases is a scaffold, in one language or several.

    likeness    accounts that hold both phrases over accounts that hold either (Jaccard)
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from stillwatch.campaigns.streams import Ints, Streams

Floats = npt.NDArray[np.float64]

_FEWEST = 4  # accounts that hold a phrase
_HUB = 500  # a phrase that more accounts hold is everyday language
_TOGETHER = 3  # accounts that hold both of two phrases
_ALIKE = 0.5  # likeness below which a pair is not worth keeping: no level of clustering looks lower
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
    owner, shingle = owner[chosen], streams.keys[chosen]
    keys, number = np.unique(shingle, return_inverse=True)
    pairs = np.unique(owner * keys.size + number)  # two streams of an account may share a shingle
    owner, number = pairs // max(keys.size, 1), pairs % max(keys.size, 1)
    holders = np.bincount(number, minlength=keys.size)
    kept = (holders >= _FEWEST) & (holders <= _HUB)
    owner, number = owner[kept[number]], (np.cumsum(kept) - 1)[number[kept[number]]]
    keys, holders = keys[kept], holders[kept]

    starts = np.searchsorted(owner, np.arange(usable.size + 1))
    by_phrase = np.argsort(number, kind="stable")
    account = owner[by_phrase]
    openings = np.searchsorted(number[by_phrase], np.arange(keys.size + 1))

    def block(start: int) -> tuple[npt.NDArray[np.generic], ...]:
        stop = min(start + _BLOCK, keys.size)
        return tuple(_alike(start, stop, openings, account, starts, number, holders))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(block, range(0, keys.size, _BLOCK))) or [block(0)]
    left, right, likeness = (np.concatenate(part) for part in zip(*found, strict=True))
    return Phrases(keys, left, right, likeness)


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
            if both >= _TOGETHER and alike >= _ALIKE:
                if n == left.size:
                    left = np.concatenate((left, np.empty_like(left)))
                    right = np.concatenate((right, np.empty_like(right)))
                    likeness = np.concatenate((likeness, np.empty_like(likeness)))
                left[n], right[n], likeness[n] = phrase, other, alike
                n += 1
    return left[:n].copy(), right[:n].copy(), likeness[:n].copy()
