"""Blocking and comparison: which streams to compare, and how alike their skeletons are.

A shingle of a skeleton weighs log(n / holders) times the square root of its share in the stream:
what many streams hold says little (Fellegi and Sunter 1969, with frequencies learned from this
log), so there is no list of known frameworks or benchmarks.

    overlap    shared weight over the weight of the lighter skeleton: one contains the other
    likeness   shared weight over the weight of both together (Jaccard): one is the other
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from stillwatch.campaigns.streams import Ints, Streams

Floats = npt.NDArray[np.float64]

_NEIGHBOURS = 10  # a stream is compared with this many other holders of each of its shingles
_BLOCK = 1 << 13  # streams compared at a time by one thread; bounds temporary memory
_LEAST = 5.0  # nats two skeletons must share
_ALIKE = 0.45  # overlap below which a pair is not worth keeping: no level of clustering looks lower
_HUB = 500  # a shingle that more streams hold brings nobody together; it counts where two meet


@dataclass(frozen=True, slots=True)
class Links:
    """Pairs of streams of different accounts, each once, ``left < right``."""

    left: Ints
    right: Ints
    overlap: Floats
    likeness: Floats


def link(streams: Streams, usable: npt.NDArray[np.bool_]) -> Links:
    """Compare streams of ``usable`` accounts that hold a shingle in common.

    Each holder of a shingle is compared with the next few: linear in the number of shingles.
    Holders stand in the order of their weightiest shingle, so that streams of one scaffold are
    neighbours, and then in an order that differs from shingle to shingle.
    """
    n = len(streams)
    stream = np.repeat(np.arange(n), np.diff(streams.key_starts))
    common = streams.holders
    weights = np.sqrt(streams.shares) * np.log(max(n, 1) / np.maximum(common, 1))
    totals = np.bincount(stream, weights, minlength=n)
    opening = (common > 1) & (common <= _HUB) & usable[streams.owner[stream]]
    row, key = stream[opening], streams.keys[opening].astype(np.int64)
    salted = (row.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) ^ key.astype(np.uint64)
    weightiest = _weightiest(streams.key_starts, streams.keys, weights)
    order = np.lexsort((salted, weightiest[row], key))
    place = np.empty_like(order)  # of a stream's shingles among the holders
    place[order] = np.arange(order.size)
    starts = np.searchsorted(row, np.arange(n + 1))
    row, key = row[order], key[order]
    visit = np.argsort(weightiest, kind="stable")  # what is compared stays in the cache

    def block(start: int) -> tuple[npt.NDArray[np.generic], ...]:
        return tuple(
            _compare(
                visit[start : start + _BLOCK], starts, place, row, key, streams.owner,
                streams.key_starts, streams.keys, weights, totals,
            )
        )  # fmt: skip

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(block, range(0, n, _BLOCK))) or [block(0)]
    left, right, overlap, likeness = (np.concatenate(part) for part in zip(*found, strict=True))
    order = np.argsort(left * n + right)
    return Links(left[order], right[order], overlap[order], likeness[order])


@njit(nogil=True, cache=True)
def _weightiest(starts, keys, weights):  # type: ignore[no-untyped-def]
    """The weightiest shingle of each stream, the last of equals, 0 without a skeleton."""
    out = np.zeros(starts.size - 1, np.uint32)
    for stream in range(out.size):
        most = -1.0
        for at in range(starts[stream], starts[stream + 1]):
            if weights[at] >= most:
                most = weights[at]
                out[stream] = keys[at]
    return out


@njit(nogil=True, cache=True)
def _shared(a, b, starts, keys, weights):  # type: ignore[no-untyped-def]
    """Weight that the skeletons of streams ``a`` and ``b`` share: walk two sorted lists.

    The steps are sums, not branches: which list is ahead cannot be foretold.
    """
    i, j, total = starts[a], starts[b], 0.0
    i_stop, j_stop = starts[a + 1], starts[b + 1]
    while i < i_stop and j < j_stop:
        left, right = keys[i], keys[j]
        total += min(weights[i], weights[j]) * (left == right)
        i += left <= right
        j += right <= left
    return total


@njit(nogil=True, cache=True)
def _compare(visit, openings, place, row, key, owner, starts, keys, weights, totals):  # type: ignore[no-untyped-def]
    """Linked pairs whose lesser stream is one of ``visit``."""
    most = (openings[visit + 1] - openings[visit]).sum() * 2 * _NEIGHBOURS
    left = np.empty(most, np.int64)
    right = np.empty_like(left)
    overlap = np.empty(most, np.float64)
    likeness = np.empty_like(overlap)
    met = np.full(totals.size, -1, np.int32)  # the stream with which each was compared last
    n = 0
    for a in visit:
        begin = n
        for at in place[openings[a] : openings[a + 1]]:
            for b in _neighbours(at, row, key):
                if b > a and met[b] != a and owner[b] != owner[a]:
                    met[b] = a
                    right[n] = b
                    n += 1
        met_n, n = n, begin
        for b in right[begin:met_n]:  # what is linked takes the place of what was met
            shared = _shared(a, b, starts, keys, weights)
            contained = shared / min(totals[a], totals[b]) if shared > 0 else 0.0
            if shared >= _LEAST and contained >= _ALIKE:
                left[n], right[n] = a, b
                overlap[n] = contained
                likeness[n] = shared / (totals[a] + totals[b] - shared)
                n += 1
    return left[:n].copy(), right[:n].copy(), overlap[:n].copy(), likeness[:n].copy()


@njit(nogil=True, cache=True)
def _neighbours(at, row, key):  # type: ignore[no-untyped-def]
    """The holders that stand around place ``at`` in the list of one shingle."""
    low, high = at, at + 1
    while low > 0 and at - low < _NEIGHBOURS and key[low - 1] == key[at]:
        low -= 1
    while high < row.size and high - at <= _NEIGHBOURS and key[high] == key[at]:
        high += 1
    return row[low:high]
