"""Carriers: who asks in the words of a scaffold, and which of its requests do.

A cluster of phrases (``campaigns.phrases``) is looked for in every sample, request by request.
Behind much cover an account has two or three requests of its job, and streams of several languages,
or of a job and its cover, may have grown together: requests are told apart by what they say.

Rules
    * A request carries a scaffold when it holds at least two of its phrases.
    * An account carries it by at least two different prompts.
"""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
from numba import njit, uint64

from stillwatch.campaigns.lookup import filter_of, first_place
from stillwatch.campaigns.streams import Ints, Streams
from stillwatch.profiles.estimators import sampled
from stillwatch.profiles.fields import SAMPLE, SKETCH
from stillwatch.profiles.merge import Profiles
from stillwatch.profiles.recurrence import first_of, size

_HELD = 2  # phrases of a scaffold that a request holds
_PROMPTS = 2  # different prompts that an account carries it by
_BLOCK = 2048  # profiles handled at a time by one thread; bounds temporary memory


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
    samples = profiles["sample_shingles"]
    sizes = np.where(usable, sampled(profiles), 0)
    bits = filter_of(keys)

    def block(start: int) -> tuple[npt.NDArray[np.generic], ...]:
        part = slice(start, start + _BLOCK)
        prompts = np.ascontiguousarray(profiles["sample_prompt"][part])
        owner, *found = _carry(samples[part], prompts, sizes[part], bits, keys, labels)
        return owner + start, *found

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        parts = list(pool.map(block, range(0, profiles.size, _BLOCK))) or [block(0)]
    owner, scaffold, events, slots, key_counts, places, shares = (
        np.concatenate(column) for column in zip(*(part[:-1] for part in parts), strict=True)
    )
    holders: Ints = np.stack([part[-1] for part in parts]).sum(axis=0)
    streams = Streams(
        owner,
        np.concatenate([[0], np.cumsum(events)]),
        slots,
        np.concatenate([[0], np.cumsum(key_counts)]),
        keys[places],
        shares,
        holders[places],
    )
    return streams, scaffold


@njit(nogil=True, cache=True)
def _longer(array):  # type: ignore[no-untyped-def]
    return np.concatenate((array, np.empty_like(array)))


@njit(nogil=True, cache=True)
def _hits(i, shingles, n_events, bits, keys, labels, holders, last, hit):  # type: ignore[no-untyped-def]
    """Phrases of scaffolds that the requests of account ``i`` carry, into ``hit``; their number.

    Counts the account among the ``holders`` of each phrase; ``last`` is who was counted last.
    """
    place = np.empty(SKETCH, np.int64)
    hits = 0
    for e in range(n_events):
        n = 0
        for s in range(SKETCH):
            at = first_place(bits, keys, shingles[e, s])
            if at < keys.size:
                place[n] = at
                n += 1
                holders[at] += last[at] != i
                last[at] = i
        if n < _HELD:
            continue
        for level in range(labels.shape[0]):
            for a in range(n):
                label, held = labels[level, place[a]], 0
                for b in range(n if label >= 0 else 0):
                    held += labels[level, place[b]] == label
                if held >= _HELD:
                    hit[hits] = (label * keys.size + place[a]) * SAMPLE + e
                    hits += 1
    return hits


@njit(nogil=True, cache=True)
def _carry(shingles, prompts, sizes, bits, keys, labels):  # type: ignore[no-untyped-def]
    """Streams as arrays: owner, scaffold, events, slots, sizes of skeletons, places, shares, holders.

    Places and shares are those of the skeletons' keys, ``holders`` those of each key.
    """
    owner, scaffold = np.empty(1024, np.int64), np.empty(1024, np.int64)
    events, key_counts = np.empty(1024, np.int64), np.empty(1024, np.int64)
    slots = np.empty(8192, np.int64)
    places, shares = np.empty(8192, np.int64), np.empty(8192)
    holders, last = np.zeros(keys.size, np.int64), np.full(keys.size, -1, np.int64)
    first = np.empty(SAMPLE, np.int64)
    most = labels.shape[0] * SAMPLE * SKETCH
    hit = np.empty(most, np.int64)  # scaffold, place of the phrase and slot in one number
    stream = slot = key = 0
    for i in range(sizes.size):
        first_of(prompts[i], sizes[i], first)
        hits = _hits(i, shingles[i], sizes[i], bits, keys, labels, holders, last, hit)
        ordered = np.sort(hit[:hits])
        start = 0
        while start < hits:
            label = ordered[start] // (keys.size * SAMPLE)
            stop, inside, different = start, uint64(0), uint64(0)
            while stop < hits and ordered[stop] // (keys.size * SAMPLE) == label:
                e = ordered[stop] % SAMPLE
                inside |= uint64(1) << uint64(e)
                different |= uint64(1) << uint64(first[e])
                stop += 1
            if size(different) >= _PROMPTS:
                if stream == owner.size:
                    owner, scaffold = _longer(owner), _longer(scaffold)
                    events, key_counts = _longer(events), _longer(key_counts)
                if slot + SAMPLE > slots.size:
                    slots = _longer(slots)
                while key + stop - start > places.size:
                    places, shares = _longer(places), _longer(shares)
                owner[stream], scaffold[stream], events[stream] = i, label, size(inside)
                for e in range(sizes[i]):
                    if (inside >> uint64(e)) & uint64(1):
                        slots[slot] = e
                        slot += 1
                began, at = key, start
                while at < stop:
                    phrase = ordered[at] // SAMPLE
                    holding = uint64(0)
                    while at < stop and ordered[at] // SAMPLE == phrase:
                        holding |= uint64(1) << uint64(first[ordered[at] % SAMPLE])
                        at += 1
                    places[key], shares[key] = phrase % keys.size, size(holding) / size(different)
                    key += 1
                key_counts[stream] = key - began
                stream += 1
            start = stop
    return (
        owner[:stream], scaffold[:stream], events[:stream], slots[:slot], key_counts[:stream],
        places[:key], shares[:key], holders,
    )  # fmt: skip
