"""Recurrence inside one sample: which of its events hold a shingle, and which repeat a prompt.

A sample has no more events than a machine word has bits, so a set of its events is one word: to
count events is to count bits, and to ask which of several sets they fall into is one ``and``.
"""

import numpy as np
from numba import uint64

from stillwatch.profiles.fields import NO_SHINGLE, SAMPLE, SKETCH
from stillwatch.profiles.hashing import helper, kernel

assert SAMPLE <= 64, "a set of sampled events is one word"

SLOTS = 2 * SAMPLE * SKETCH
"""Slots of a table of shingles: twice as many as a sample can hold."""


@helper
def size(events):  # type: ignore[no-untyped-def]
    """How many events a set has; compilers know this sum as one instruction."""
    x = uint64(events)
    x -= (x >> uint64(1)) & uint64(0x5555555555555555)
    x = (x & uint64(0x3333333333333333)) + ((x >> uint64(2)) & uint64(0x3333333333333333))
    x = (x + (x >> uint64(4))) & uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((x * uint64(0x0101010101010101)) >> uint64(56))


@helper
def lowest(events):  # type: ignore[no-untyped-def]
    """The first event of a set that is not empty."""
    return size((events & (~events + uint64(1))) - uint64(1))


@kernel
def first_of(prompts, n, first):  # type: ignore[no-untyped-def]
    """Set of the events whose prompt none of the earlier ones of ``n`` has.

    ``first[i]`` becomes the first event with the prompt of event i. ``prompts`` is contiguous.
    """
    different = uint64(0)
    for a in range(n):
        before = 0
        for b in range(a):  # without a way out of it, the loop compares eight at a time
            before += prompts[b] == prompts[a]
        first[a] = a
        if before:
            first[a] = 0
            while prompts[first[a]] != prompts[a]:
                first[a] += 1
        else:
            different |= uint64(1) << uint64(a)
    return different


@kernel
def tabulate(shingles, n, table, events, filled):  # type: ignore[no-untyped-def]
    """Hash the shingles of ``n`` events and return how many there are.

    ``events`` gets the set of those that hold the shingle in the same slot of ``table``, ``filled``
    the slots in use. The caller empties the sets of those slots afterwards.
    """
    used = 0
    for a in range(n):
        for s in range(SKETCH):
            shingle = shingles[a, s]
            if shingle == NO_SHINGLE:
                break
            at = (np.int64(shingle) * 0x9E3779B1 >> 20) & (SLOTS - 1)
            while events[at] and table[at] != shingle:
                at = (at + 1) & (SLOTS - 1)
            if not events[at]:
                table[at] = shingle
                filled[used] = at
                used += 1
            events[at] |= uint64(1) << uint64(a)
    return used
