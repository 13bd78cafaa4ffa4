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
from numba import njit, uint64

from stillwatch.profiles.estimators import sampled
from stillwatch.profiles.fields import SAMPLE, SKETCH
from stillwatch.profiles.hashing import mix64
from stillwatch.profiles.merge import Profiles
from stillwatch.profiles.recurrence import SLOTS, first_of, lowest, size, tabulate

Ints = npt.NDArray[np.int64]

_SHARED = 2  # shingles that tie two events together
_RECURRING = 3  # different prompts that must hold a shingle for it to tie
_LEAST = 3  # different prompts of a stream
_OFTEN = 0.1  # share of a stream's prompts from which a shingle belongs to its skeleton
_WIDTH = 96  # skeleton shingles kept per account, over all its streams
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
    """How many streams of the whole log hold each shingle; in ``campaigns.carriers``, accounts."""

    def __len__(self) -> int:
        return self.owner.size

    def events(self, chosen: Ints) -> tuple[Ints, Ints]:
        """Owner and place in the sample of all events of the ``chosen`` streams."""
        sizes = self.event_starts[chosen + 1] - self.event_starts[chosen]
        return np.repeat(self.owner[chosen], sizes), self.slots[
            spans(self.event_starts[chosen], sizes)
        ]

    def take(self, chosen: Ints) -> "Streams":
        """The ``chosen`` streams alone, in that order."""
        events = self.event_starts[chosen + 1] - self.event_starts[chosen]
        keys = self.key_starts[chosen + 1] - self.key_starts[chosen]
        held = spans(self.key_starts[chosen], keys)
        return Streams(
            self.owner[chosen],
            np.concatenate([[0], np.cumsum(events)]),
            self.slots[spans(self.event_starts[chosen], events)],
            np.concatenate([[0], np.cumsum(keys)]),
            self.keys[held],
            self.shares[held],
            self.holders[held],
        )


def spans(starts: Ints, sizes: Ints) -> Ints:
    """Concatenation of ``range(start, start + size)``."""
    ends = np.cumsum(sizes)
    return np.asarray(np.arange(sizes.sum()) + np.repeat(starts - ends + sizes, sizes))


def streams_of(profiles: Profiles) -> Streams:
    """Find the streams of all accounts."""

    def block(start: int) -> tuple[npt.NDArray[np.generic], ...]:
        part = profiles[start : start + _BLOCK]
        counts, *found = _find(part["sample_shingles"], part["sample_prompt"], sampled(part))
        return np.repeat(start + np.arange(part.size), counts), *found

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(block, range(0, profiles.size, _BLOCK))) or [block(0)]
    owner, events, slots, key_counts, keys, shares = (
        np.concatenate(column) for column in zip(*found, strict=True)
    )
    return Streams(
        owner,
        np.concatenate([[0], np.cumsum(events)]),
        slots,
        np.concatenate([[0], np.cumsum(key_counts)]),
        keys,
        shares,
        occurrences(keys),
    )


@njit(nogil=True, cache=True)
def occurrences(keys):  # type: ignore[no-untyped-def]
    """How often each of the ``keys`` occurs among them, shape (n,)."""
    slots = 1024
    while slots < 2 * keys.size:
        slots *= 2
    count = np.zeros(slots, np.int32)
    table = np.empty(slots, keys.dtype)
    place = np.empty(keys.size, np.int32)
    for i in range(keys.size):
        at = np.int64(mix64(keys[i])) & (slots - 1)
        while count[at] and table[at] != keys[i]:
            at = (at + 1) & (slots - 1)
        table[at] = keys[i]
        count[at] += 1
        place[i] = at
    out = np.empty(keys.size, np.int64)
    for i in range(keys.size):
        out[i] = count[place[i]]
    return out


@njit(nogil=True, cache=True)
def _find(shingles, prompts, sizes):  # type: ignore[no-untyped-def]
    """Streams of each profile: how many; then of each stream its size, its events, its skeleton."""
    table = np.zeros(SLOTS, np.uint32)
    holding = np.zeros(SLOTS, np.uint64)
    filled = np.empty(SAMPLE * SKETCH, np.int16)
    prompt = np.empty(SAMPLE, np.uint32)
    first = np.empty(SAMPLE, np.int64)
    tied = np.empty(SAMPLE, np.uint64)
    members = np.empty(SAMPLE, np.uint64)
    counts = np.zeros(sizes.size, np.int64)
    events = np.empty(sizes.size * SAMPLE // _LEAST, np.int64)
    slots = np.empty(sizes.size * SAMPLE, np.int64)
    key_counts = np.zeros(events.size, np.int64)
    keys = np.empty(sizes.size * _WIDTH, np.uint32)
    shares = np.empty(keys.size)
    stream = slot = key = 0
    for p in range(sizes.size):
        n = sizes[p]
        prompt[:] = prompts[p]
        different = first_of(prompt, n, first)
        used = tabulate(shingles[p], n, table, holding, filled)
        _tie(first, n, different, holding, filled, used, tied)
        found = _components(tied, n, different, members)
        counts[p] = found
        for number in range(found):
            events[stream + number] = size(members[number])
            rest = members[number]
            while rest:
                slots[slot] = lowest(rest)
                slot += 1
                rest &= rest - uint64(1)
        kept = _skeletons(
            table, holding, filled, used, different, members[:found],
            key_counts[stream:], keys[key:], shares[key:],
        )  # fmt: skip
        stream += found
        key += kept
    return (
        counts,
        events[:stream].copy(),
        slots[:slot].copy(),
        key_counts[:stream].copy(),
        keys[:key].copy(),
        shares[:key].copy(),
    )


@njit(nogil=True, cache=True)
def _tie(first, n, different, holding, filled, used, tied):  # type: ignore[no-untyped-def]
    """Per event the set of those it belongs together with, by a prompt or by two shingles."""
    once = np.zeros(n, np.uint64)
    for a in range(n):
        tied[a] = uint64(1) << uint64(first[a])
        tied[first[a]] |= uint64(1) << uint64(a)
    for f in range(used):
        holders = holding[filled[f]]
        rest = holders if size(holders & different) >= _RECURRING else uint64(0)
        while rest:
            a = lowest(rest)
            rest &= rest - uint64(1)
            tied[a] |= once[a] & holders
            once[a] |= holders


@njit(nogil=True, cache=True)
def _components(tied, n, different, members):  # type: ignore[no-untyped-def]
    """Sets of events that are tied, directly or through others, and large enough; how many."""
    found, seen = 0, uint64(0)
    for a in range(n):
        whole, reached = uint64(0), (uint64(1) << uint64(a)) & ~seen
        while reached:
            b = lowest(reached)
            whole |= uint64(1) << uint64(b)
            reached = (reached | tied[b]) & ~whole
        seen |= whole
        if size(whole & different) >= _LEAST:
            members[found] = whole
            found += 1
    return found


@njit(nogil=True, cache=True)
def _skeletons(table, holding, filled, used, different, members, counts, keys, shares):  # type: ignore[no-untyped-def]
    """Skeletons of an account's streams, one after the other, keys ascending; empties the table."""
    key_of = np.empty(_WIDTH, np.uint32)
    stream = np.empty(_WIDTH, np.int64)
    share = np.empty(_WIDTH)
    kept = 0
    for f in range(used):
        at = filled[f]
        held = holding[at] & different
        holding[at] = 0
        for number in range(members.size if size(held) >= 2 else 0):
            inside, whole = size(held & members[number]), size(members[number] & different)
            if inside >= max(2.0, _OFTEN * whole) and kept < _WIDTH:
                key_of[kept], stream[kept], share[kept] = table[at], number, inside / whole
                counts[number] += 1
                kept += 1
    stop = 0
    for number in range(members.size):
        start = stop
        for i in range(kept):
            if stream[i] == number:
                at = stop
                while at > start and keys[at - 1] > key_of[i]:
                    keys[at], shares[at] = keys[at - 1], shares[at - 1]
                    at -= 1
                keys[at], shares[at] = key_of[i], share[i]
                stop += 1
    return kept
