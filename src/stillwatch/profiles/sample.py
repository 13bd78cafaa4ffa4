"""The sample of a profile while events are folded: entries in any slot, sorted once at the end.

A stored profile holds its sample in the order of the keys (see ``fields``). To keep that order
event by event, every newcomer would move half of the entries. So while a table is *open* an
entry takes the place of the largest key wherever that is, and *limits* beside the profile say
in one comparison whether an event belongs at all. ``settle`` restores the order.
"""

import numpy as np
from numba import njit

from stillwatch.profiles.fields import EMPTY, EXEMPLAR_BYTES, EXEMPLARS, SAMPLE
from stillwatch.profiles.merge import Profiles, copy_event, copy_text

LIMITS = 1 + EXEMPLARS
"""Columns of the limits of a profile: its largest sampled key, then the key of each exemplar."""


def limits_of(profiles: Profiles) -> np.ndarray:
    """The limits of settled profiles, shape (p, LIMITS)."""
    keys = profiles["sample_key"]
    return np.column_stack([keys[:, -1], keys[:, :EXEMPLARS]])


@njit(nogil=True, cache=True)
def sample_slot(profile, limits, key: int) -> int:  # type: ignore[no-untyped-def]
    """Take a slot for an event whose key is below ``limits[0]``; -1 if it is there already."""
    largest, known, slot = limits[0], 0, SAMPLE
    for j in range(SAMPLE):  # without branches: four vector instructions a line of cache
        held = profile.sample_key[j]
        known += held == key
        slot = min(slot, j if held == largest else SAMPLE)
    if known:
        return -1
    profile.sample_key[slot] = key
    largest = np.uint64(0)
    for j in range(SAMPLE):
        largest = max(largest, profile.sample_key[j])
    limits[0] = largest
    return slot


@njit(nogil=True, cache=True)
def keep_text(profile, limits, key: int, data: np.ndarray, start: int, stop: int) -> None:  # type: ignore[no-untyped-def]
    """Store the head of a prompt, cut at a character boundary, if its key is among the smallest."""
    slot = 0
    for j in range(1, EXEMPLARS):
        if limits[1 + j] > limits[1 + slot]:
            slot = j
    if key >= limits[1 + slot]:
        return
    limits[1 + slot] = key
    size = stop - start
    if size > EXEMPLAR_BYTES:
        size = EXEMPLAR_BYTES
        while size > 0 and data[start + size] & 0xC0 == 0x80:
            size -= 1
    text = profile.exemplar_text[slot]
    text[:size] = data[start : start + size]
    text[size:] = 0
    profile.exemplar_size[slot] = size


@njit(nogil=True, cache=True)
def _ranks(keys: np.ndarray, n: int, order: np.ndarray) -> bool:
    """The order of ``keys[:n]`` into ``order``; whether they are not in order yet."""
    moved = False
    for i in range(n):
        slot = i
        while slot > 0 and keys[order[slot - 1]] > keys[i]:
            order[slot] = order[slot - 1]
            slot -= 1
            moved = True
        order[slot] = i
    return moved


@njit(nogil=True, cache=True)
def settle(profiles, limits, spare) -> None:  # type: ignore[no-untyped-def]
    """Put the samples of ``profiles`` in order; ``spare`` is one profile to work in."""
    order = np.empty(SAMPLE, np.int64)
    room = spare[0]
    for i in range(profiles.size):
        profile = profiles[i]
        used = 0
        while used < SAMPLE and profile.sample_key[used] != EMPTY:  # free slots are the last ones
            used += 1
        if _ranks(profile.sample_key, used, order):
            for slot in range(used):
                copy_event(profile, slot, room, slot)
            for slot in range(used):
                copy_event(room, order[slot], profile, slot)
        if _ranks(limits[i, 1:], EXEMPLARS, order):
            for slot in range(EXEMPLARS):
                copy_text(profile, slot, room, slot)
            for slot in range(EXEMPLARS):
                copy_text(room, order[slot], profile, slot)
