"""Finding few shingles among many: a hash table that is small enough to stay in cache."""

import numpy as np
from numba import njit, uint64

from stillwatch.profiles.hashing import helper

_ROOM = 4  # slots per key: most shingles are none of them and end at a free one
_PLACE = np.uint64(0xFFFFFFFF)


@njit(nogil=True, cache=True)
def table_of(keys):  # type: ignore[no-untyped-def]
    """A table for ``place_of``: key and place + 1 in one number, 0 where free."""
    slots = 64
    while slots < _ROOM * keys.size:
        slots *= 2
    table = np.zeros(slots, np.uint64)
    for place in range(keys.size):
        at = np.int64(keys[place]) & (slots - 1)
        while table[at]:
            at = (at + 1) & (slots - 1)
        table[at] = uint64(keys[place]) << uint64(32) | uint64(place + 1)
    return table


@helper
def place_of(table, shingle):  # type: ignore[no-untyped-def]
    """The place of a shingle among the different keys of the ``table``; -1 if it is none."""
    mask = uint64(table.size - 1)
    at = uint64(shingle) & mask
    while table[at]:
        if table[at] >> uint64(32) == uint64(shingle):
            return np.int64(table[at] & _PLACE) - 1
        at = (at + uint64(1)) & mask
    return np.int64(-1)
