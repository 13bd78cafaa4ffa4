"""Finding few shingles among many: a bitmap first, because most shingles are none of them."""

import numpy as np
from numba import njit, uint64

from stillwatch.profiles.fields import NO_SHINGLE

_BITS = 20
_MASK = np.uint64((1 << _BITS) - 1)


@njit(nogil=True, cache=True)
def filter_of(keys):  # type: ignore[no-untyped-def]
    """A bitmap by the lower bits of the ``keys``."""
    bits = np.zeros((1 << _BITS) // 64, np.uint64)
    for key in keys:
        bit = uint64(key) & _MASK
        bits[bit >> uint64(6)] |= uint64(1) << (bit & uint64(63))
    return bits


@njit(nogil=True, cache=True)
def first_place(bits, keys, shingle):  # type: ignore[no-untyped-def]
    """The first place of a shingle among the ascending ``keys``, or their number if it is none."""
    bit = uint64(shingle) & _MASK
    if (bits[bit >> uint64(6)] >> (bit & uint64(63))) & uint64(1) == 0 or shingle == NO_SHINGLE:
        return keys.size
    at = np.searchsorted(keys, shingle)
    return at if at < keys.size and keys[at] == shingle else keys.size
