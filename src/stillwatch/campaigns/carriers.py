"""Carriers: who asks in the words of a scaffold, and which of its requests do.

A cluster of phrases (``campaigns.phrases``) is looked for in every sample, request by request.
Behind much cover an account has two or three requests of its job, and streams of several languages,
or of a job and its cover, may have grown together: requests are told apart by what they say.

Rules
    * A request carries a scaffold when it holds at least two of its phrases.
    * An account carries it by at least two different prompts.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from numba import njit, uint64

from stillwatch.campaigns.lookup import place_of, table_of
from stillwatch.campaigns.streams import Ints, Streams
from stillwatch.profiles.estimators import sampled
from stillwatch.profiles.fields import NO_SHINGLE, SAMPLE, SKETCH
from stillwatch.profiles.merge import Profiles
from stillwatch.profiles.recurrence import first_of, lowest, size

Floats = npt.NDArray[np.float64]

_HELD = 2  # phrases of a scaffold that a request holds
_PROMPTS = 2  # different prompts that an account carries it by
_BLOCK = 2048  # profiles handled at a time by one thread; bounds temporary memory


@dataclass(frozen=True, slots=True)
class Scaffolds:
    """Phrases that are part of scaffolds, as they are looked for; n phrases."""

    keys: npt.NDArray[np.uint32]
    """Ascending."""
    labels: Ints
    """Scaffolds that each is part of, -1 for none, one row per level, shape (levels, n)."""
    table: npt.NDArray[np.uint64]

    @classmethod
    def of(cls, keys: npt.NDArray[np.uint32], labels: Ints) -> Self:
        """Those of the ``keys`` (ascending) that have a label at any level."""
        told = (labels >= 0).any(axis=0)
        return cls(keys[told], np.ascontiguousarray(labels[:, told]), table_of(keys[told]))


@dataclass(frozen=True, slots=True)
class Carried:
    """Streams of some accounts that carry scaffolds, in order of the accounts; n streams."""

    owner: Ints
    """Row of each stream's account, among those that were looked at."""
    scaffold: Ints
    events: Ints
    """How many events each stream has."""
    slots: Ints
    """Their places in the sample, stream after stream."""
    key_counts: Ints
    """How many phrases each skeleton has."""
    places: Ints
    """The phrases, by number."""
    shares: Floats
    """Share of the stream's different prompts that hold each."""
    holders: Ints
    """Accounts that hold each phrase anywhere, shape (phrases,)."""


def carried(
    profiles: Profiles,
    keys: npt.NDArray[np.uint32],
    labels: Ints,
    usable: npt.NDArray[np.bool_],
) -> tuple[Streams, Ints]:
    """A stream for each account and scaffold that it carries, and the scaffold of each stream.

    ``keys`` are phrases, ascending; ``labels`` the scaffolds that each is part of, -1 for none, one
    row per level, shape (levels, len(keys)). The events of a stream are those that carry its
    scaffold, its skeleton the phrases that they hold, and the holders of a phrase the accounts that
    hold it anywhere. Streams are in order of the accounts.
    """
    looked = Scaffolds.of(keys, labels)
    found = carriers_of(profiles, looked, usable)
    return streams_from(found, looked.keys), found.scaffold


def carriers_of(profiles: Profiles, scaffolds: Scaffolds, usable: npt.NDArray[np.bool_]) -> Carried:
    """Who of these accounts carries which scaffold; no other account enters."""
    samples = profiles["sample_shingles"]
    sizes = np.where(usable, sampled(profiles), 0)

    def block(start: int) -> Carried:
        part = slice(start, start + _BLOCK)
        prompts = np.ascontiguousarray(profiles["sample_prompt"][part])
        found = Carried(
            *_carry(samples[part], prompts, sizes[part], scaffolds.table, scaffolds.labels)
        )
        return replace(found, owner=found.owner + start)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return together(list(pool.map(block, range(0, profiles.size, _BLOCK))) or [block(0)])


def together(parts: Sequence[Carried]) -> Carried:
    """Streams of different accounts, one part after the other; holders are added up."""

    def column(name: str) -> npt.NDArray[Any]:
        return np.concatenate([getattr(part, name) for part in parts])

    return Carried(
        column("owner"), column("scaffold"), column("events"), column("slots"),
        column("key_counts"), column("places"), column("shares"),
        np.stack([part.holders for part in parts]).sum(axis=0),
    )  # fmt: skip


def streams_from(found: Carried, keys: npt.NDArray[np.uint32]) -> Streams:
    """As ``Streams``; ``keys`` are the phrases by number."""
    return Streams(
        found.owner,
        np.concatenate([[0], np.cumsum(found.events)]),
        found.slots,
        np.concatenate([[0], np.cumsum(found.key_counts)]),
        keys[found.places],
        found.shares,
        found.holders[found.places],
    )


def holdings(
    profiles: Profiles, keys: npt.NDArray[np.uint32], usable: npt.NDArray[np.bool_]
) -> tuple[Ints, Ints]:
    """Who holds which of the ``keys`` anywhere in the sample: rows, ascending, and places.

    ``keys`` are different; each pair of an account and a key occurs once.
    """
    samples = profiles["sample_shingles"]
    sizes, table = np.where(usable, sampled(profiles), 0), table_of(keys)

    def block(start: int) -> tuple[Ints, Ints]:
        part = slice(start, start + _BLOCK)
        row, place = _held(samples[part], sizes[part], table, keys.size)
        return row + start, place

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        parts = list(pool.map(block, range(0, profiles.size, _BLOCK))) or [block(0)]
    row, place = (np.concatenate(column) for column in zip(*parts, strict=True))
    return row, place


@njit(nogil=True, cache=True)
def _held(shingles, sizes, table, keys):  # type: ignore[no-untyped-def]
    row, place = np.empty(1024, np.int64), np.empty(1024, np.int64)
    last = np.full(keys, -1, np.int64)
    n = 0
    for i in range(sizes.size):
        for e in range(sizes[i]):
            for s in range(SKETCH):
                if shingles[i, e, s] == NO_SHINGLE:
                    break
                at = place_of(table, shingles[i, e, s])
                if at >= 0 and last[at] != i:
                    last[at] = i
                    if n == row.size:
                        row, place = _longer(row), _longer(place)
                    row[n], place[n] = i, at
                    n += 1
    return row[:n].copy(), place[:n].copy()


@njit(nogil=True, cache=True)
def _longer(array):  # type: ignore[no-untyped-def]
    return np.concatenate((array, np.empty_like(array)))


@njit(nogil=True, cache=True)
def _hits(i, shingles, n_events, table, labels, holders, last, holding, hit):  # type: ignore[no-untyped-def]
    """Phrases of scaffolds that the requests of account ``i`` carry, into ``hit``; their number.

    A hit is scaffold, place of the phrase and level in one number; ``holding`` gets the requests
    that hold the phrase, by level and place. Counts the account among the ``holders`` of each
    phrase; ``last`` is who was counted last.
    """
    levels, phrases = labels.shape
    place = np.empty(SKETCH, np.int64)
    hits = 0
    for e in range(n_events):
        n = 0
        for s in range(SKETCH):
            if shingles[e, s] == NO_SHINGLE:
                break
            at = place_of(table, shingles[e, s])
            if at >= 0:
                place[n] = at
                n += 1
                holders[at] += last[at] != i
                last[at] = i
        if n < _HELD:
            continue
        for level in range(levels):
            for a in range(n):
                label, held = labels[level, place[a]], 0
                for b in range(n if label >= 0 else 0):
                    held += labels[level, place[b]] == label
                if held < _HELD:
                    continue
                if not holding[level, place[a]]:
                    hit[hits] = (label * phrases + place[a]) * levels + level
                    hits += 1
                holding[level, place[a]] |= uint64(1) << uint64(e)
    return hits


@njit(nogil=True, cache=True)
def _different(events, first):  # type: ignore[no-untyped-def]
    """The first events with the prompts of a set of ``events``."""
    found = uint64(0)
    while events:
        found |= uint64(1) << uint64(first[lowest(events)])
        events &= events - uint64(1)
    return found


@njit(nogil=True, cache=True)
def _carry(shingles, prompts, sizes, table, labels):  # type: ignore[no-untyped-def]
    """Streams as arrays: owner, scaffold, events, slots, sizes of skeletons, places, shares, holders.

    Places and shares are those of the skeletons' keys, ``holders`` those of each key.
    """
    owner, scaffold = np.empty(1024, np.int64), np.empty(1024, np.int64)
    events, key_counts = np.empty(1024, np.int64), np.empty(1024, np.int64)
    slots = np.empty(8192, np.int64)
    places, shares = np.empty(8192, np.int64), np.empty(8192)
    levels, phrases = labels.shape
    holders, last = np.zeros(phrases, np.int64), np.full(phrases, -1, np.int64)
    holding = np.zeros((levels, phrases), np.uint64)
    first = np.empty(SAMPLE, np.int64)
    hit = np.empty(levels * SAMPLE * SKETCH, np.int64)
    stream = slot = key = 0
    for i in range(sizes.size):
        first_of(prompts[i], sizes[i], first)
        hits = _hits(i, shingles[i], sizes[i], table, labels, holders, last, holding, hit)
        ordered = np.sort(hit[:hits])
        start = 0
        while start < hits:
            label, level = ordered[start] // (phrases * levels), ordered[start] % levels
            stop, inside = start, uint64(0)
            while stop < hits and ordered[stop] // (phrases * levels) == label:
                inside |= holding[level, ordered[stop] // levels % phrases]
                stop += 1
            different = size(_different(inside, first))
            if different >= _PROMPTS:
                if stream == owner.size:
                    owner, scaffold = _longer(owner), _longer(scaffold)
                    events, key_counts = _longer(events), _longer(key_counts)
                if slot + SAMPLE > slots.size:
                    slots = _longer(slots)
                while key + stop - start > places.size:
                    places, shares = _longer(places), _longer(shares)
                owner[stream], scaffold[stream], events[stream] = i, label, size(inside)
                while inside:
                    slots[slot] = lowest(inside)
                    slot += 1
                    inside &= inside - uint64(1)
                for at in range(start, stop):
                    place = ordered[at] // levels % phrases
                    held = size(_different(holding[level, place], first))
                    places[key], shares[key] = place, held / different
                    key += 1
                key_counts[stream] = stop - start
                stream += 1
            for at in range(start, stop):
                holding[level, ordered[at] // levels % phrases] = 0
            start = stop
    return (
        owner[:stream], scaffold[:stream], events[:stream], slots[:slot], key_counts[:stream],
        places[:key], shares[:key], holders,
    )  # fmt: skip
