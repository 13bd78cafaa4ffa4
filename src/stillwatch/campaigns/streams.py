"""Streams: the strands of one account's traffic that are asked in one way each.

A hostile account mixes its job with ordinary traffic, so an account is the wrong thing to
compare: the unit is the *stream*, sampled events of one account whose prompts differ and whose
wording recurs. The wording that recurs inside a stream is its *skeleton*: a short list of
shingles, each with the share of the stream's prompts that hold it.

Rules
    * Two events belong together when they share two shingles that at least three different
      prompts of the account hold, directly or through others.
    * A stream has at least three different prompts. Everything else is ordinary traffic.

>>> import numpy as np
>>> from stillwatch.profiles.merge import empty
>>> len(streams_of(empty(2)))
0
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from stillwatch.profiles.estimators import sampled
from stillwatch.profiles.fields import NO_SHINGLE, SAMPLE, SKETCH
from stillwatch.profiles.merge import Profiles

Ints = npt.NDArray[np.int64]

_SHARED = 2  # shingles that tie two events together
_RECURRING = 3  # different prompts that must hold a shingle for it to tie
_LEAST = 3  # different prompts of a stream
_OFTEN = 0.1  # share of a stream's prompts from which a shingle belongs to its skeleton
_WIDTH = 96  # skeleton shingles kept per account, over all its streams
_SLOTS = 2048  # of the table of shingles; at least twice as many as a sample can hold
_BLOCK = 2048  # profiles handled at a time by one thread; bounds temporary memory


@dataclass(frozen=True, slots=True)
class Streams:
    """All streams of all accounts, in order of the accounts; n streams."""

    owner: Ints
    """Row of the account of each stream, shape (n,)."""
    event_starts: Ints
    """Stream i has the sampled events ``slots[event_starts[i]:event_starts[i + 1]]``."""
    slots: Ints
    """Places in the owner's sample."""
    key_starts: Ints
    """Stream i has the skeleton ``keys[key_starts[i]:key_starts[i + 1]]``, ascending."""
    keys: npt.NDArray[np.uint32]
    shares: npt.NDArray[np.float64]
    """Share of the stream's different prompts that hold each shingle, 0-1."""
    holders: Ints
    """How many streams of the whole log hold each shingle."""

    def __len__(self) -> int:
        return self.owner.size

    def events(self, chosen: Ints) -> tuple[Ints, Ints]:
        """Owner and place in the sample of all events of the ``chosen`` streams."""
        sizes = self.event_starts[chosen + 1] - self.event_starts[chosen]
        return np.repeat(self.owner[chosen], sizes), self.slots[
            spans(self.event_starts[chosen], sizes)
        ]


def spans(starts: Ints, sizes: Ints) -> Ints:
    """Concatenation of ``range(start, start + size)``."""
    ends = np.cumsum(sizes)
    return np.asarray(np.arange(sizes.sum()) + np.repeat(starts - ends + sizes, sizes))


def streams_of(profiles: Profiles) -> Streams:
    """Find the streams of all accounts."""

    def block(start: int) -> tuple[npt.NDArray[np.generic], ...]:
        part = profiles[start : start + _BLOCK]
        labels = np.full((part.size, SAMPLE), -1, dtype=np.int16)
        counts = np.zeros(part.size, dtype=np.int64)
        keys = np.zeros((part.size, _WIDTH), dtype=np.uint32)
        streams = np.full((part.size, _WIDTH), -1, dtype=np.int16)
        shares = np.zeros((part.size, _WIDTH))
        _label(
            part["sample_shingles"], part["sample_prompt"], sampled(part),
            labels, counts, keys, streams, shares,
        )  # fmt: skip
        before = np.cumsum(counts) - counts
        row, slot = np.nonzero(labels >= 0)
        stream = before[row] + labels[row, slot]
        order = np.argsort(stream, kind="stable")
        holder, place = np.nonzero(streams >= 0)
        key_stream, key = before[holder] + streams[holder, place], keys[holder, place]
        by_key = np.lexsort((key, key_stream))
        return (
            np.repeat(start + np.arange(part.size), counts),
            np.bincount(stream, minlength=int(counts.sum())),
            slot[order],
            np.bincount(key_stream, minlength=int(counts.sum())),
            key[by_key],
            shares[holder, place][by_key],
        )

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(block, range(0, profiles.size, _BLOCK))) or [block(0)]
    owner, events, slots, key_counts, keys, shares = (
        np.concatenate(column) for column in zip(*found, strict=True)
    )
    _, which, holders = np.unique(keys, return_inverse=True, return_counts=True)
    return Streams(
        owner.astype(np.int64),
        np.concatenate([[0], np.cumsum(events)]).astype(np.int64),
        slots.astype(np.int64),
        np.concatenate([[0], np.cumsum(key_counts)]).astype(np.int64),
        keys.astype(np.uint32),
        shares.astype(np.float64),
        holders[which].astype(np.int64),
    )


@njit(nogil=True, cache=True)
def _root(parent, i):  # type: ignore[no-untyped-def]
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@njit(nogil=True, cache=True)
def _tabulate(shingles, first, n, table, count, different, head, following, filled):  # type: ignore[no-untyped-def]
    """Hash the shingles of ``n`` events; per shingle a list of its events; how many shingles.

    ``count`` counts events, ``different`` events whose prompt came first (``first``).
    """
    used = 0
    for a in range(n):
        for s in range(SKETCH):
            shingle = shingles[a, s]
            if shingle == NO_SHINGLE:
                break
            at = (np.int64(shingle) * 0x9E3779B1 >> 20) & (_SLOTS - 1)
            while count[at] and table[at] != shingle:
                at = (at + 1) & (_SLOTS - 1)
            if not count[at]:
                table[at] = shingle
                head[at] = -1
                filled[used] = at
                used += 1
            count[at] += 1
            different[at] += first[a]
            following[a, s] = head[at]
            head[at] = a * SKETCH + s
    return used


@njit(nogil=True, cache=True)
def _label(shingles, prompts, sizes, labels, counts, keys, streams, shares):  # type: ignore[no-untyped-def]
    """Streams of each profile: number per event, how many, and the skeletons of all."""
    table = np.zeros(_SLOTS, np.uint32)
    count = np.zeros(_SLOTS, np.int64)
    different = np.zeros(_SLOTS, np.int64)
    head = np.zeros(_SLOTS, np.int64)
    following = np.zeros((SAMPLE, SKETCH), np.int64)
    filled = np.empty(SAMPLE * SKETCH, np.int64)
    first = np.zeros(SAMPLE, np.int64)
    together = np.zeros((SAMPLE, SAMPLE), np.uint8)
    parent = np.empty(SAMPLE, np.int64)
    prompts_n = np.zeros(SAMPLE, np.int64)
    held = np.zeros(SAMPLE, np.int64)
    number = np.empty(SAMPLE, np.int64)
    for p in range(sizes.size):
        n = sizes[p]
        for a in range(n):
            parent[a] = a
            first[a] = 1
            for b in range(a):
                if prompts[p, a] == prompts[p, b]:
                    first[a] = 0
                    parent[a] = _root(parent, b)
                    break
        used = _tabulate(shingles[p], first, n, table, count, different, head, following, filled)
        together[:n, :n] = 0
        for f in range(used):
            at = filled[f]
            if different[at] < _RECURRING:
                continue
            a = head[at]
            while a >= 0:
                b = following[a // SKETCH, a % SKETCH]
                while b >= 0:
                    i, j = a // SKETCH, b // SKETCH
                    together[i, j] = min(together[i, j] + 1, 255)
                    if together[i, j] == _SHARED:
                        x, y = _root(parent, i), _root(parent, j)
                        parent[max(x, y)] = min(x, y)
                    b = following[b // SKETCH, b % SKETCH]
                a = following[a // SKETCH, a % SKETCH]
        # number the streams that are large enough
        prompts_n[:n] = 0
        for a in range(n):
            prompts_n[_root(parent, a)] += first[a]
        found = 0
        for a in range(n):
            if parent[a] == a and prompts_n[a] >= _LEAST:
                number[a] = found
                found += 1
        for a in range(n):
            root = _root(parent, a)
            if prompts_n[root] >= _LEAST:
                labels[p, a] = number[root]
        counts[p] = found
        # skeletons
        kept = 0
        for f in range(used):
            at = filled[f]
            if different[at] >= 2 and found:
                a = head[at]
                while a >= 0:
                    root = _root(parent, a // SKETCH)
                    held[root] += first[a // SKETCH]
                    a = following[a // SKETCH, a % SKETCH]
                a = head[at]
                while a >= 0:
                    root = _root(parent, a // SKETCH)
                    often = held[root] >= max(2.0, _OFTEN * prompts_n[root])
                    if often and prompts_n[root] >= _LEAST and kept < keys.shape[1]:
                        keys[p, kept] = table[at]
                        streams[p, kept] = number[root]
                        shares[p, kept] = held[root] / prompts_n[root]
                        kept += 1
                    held[root] = 0
                    a = following[a // SKETCH, a % SKETCH]
            count[at] = different[at] = 0
