"""Address blocks: the /24 of an IPv4 address, the /48 of an IPv6 address, as a hash.

Written as a kernel because a log holds one address per event; what cannot be parsed hashes as
the text it is, so that odd values still link equal values and nothing else.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from stillwatch.profiles.cells import spread
from stillwatch.profiles.hashing import hash_bytes, mix64, string_buffers


@njit(nogil=True, cache=True)
def _hex(byte: int) -> int:
    if 48 <= byte <= 57:
        return byte - 48
    folded = byte | 32
    if 97 <= folded <= 102:
        return folded - 87
    return -1


@njit(nogil=True, cache=True)
def _prefix48(data: np.ndarray, start: int, stop: int) -> int:
    """First 48 bits of an IPv6 address in text form (RFC 4291, section 2.2), or -1 if it is none.

    A zone (``%eth0``) is left out: it names an interface of the machine that wrote the log.
    """
    before = after = 0  # groups in front of and behind '::'
    head = tail = 0  # the first three groups of each
    gap = False
    i = start
    while i < stop and data[i] != 37:  # '%'
        if data[i] == 58:  # ':' is single between groups, double once
            double = i + 1 < stop and data[i + 1] == 58
            if (double and gap) or (not double and (i == start or i + 1 == stop)):
                return -1
            if i > start and data[i - 1] == 58:  # a third colon in a row
                return -1
            gap |= double
            i += 2 if double else 1
            continue
        value = digits = 0
        while i < stop and data[i] != 58 and data[i] != 37:
            nibble = _hex(data[i])
            if nibble < 0 or digits == 4:
                return -1
            value = (value << 4) | nibble
            digits += 1
            i += 1
        if gap:
            after += 1
            if after <= 3:
                tail = (tail << 16) | value
        else:
            before += 1
            if before <= 3:
                head = (head << 16) | value
    zeros = 8 - before - after
    if (gap and zeros < 1) or (not gap and zeros != 0):
        return -1
    if before >= 3:
        return head
    head <<= 16 * min(3 - before, zeros)
    missing = 3 - before - zeros  # groups of the prefix that stand behind the gap
    if missing <= 0:
        return head
    return (head << (16 * missing)) | (tail >> (16 * (min(3, after) - missing)))


@njit(nogil=True, cache=True)
def _prefix24(data: np.ndarray, start: int, stop: int) -> int:
    """Where the last part of a dotted IPv4 address begins, or -1 if it is none."""
    dots = digits = value = 0
    last = -1
    for i in range(start, stop):
        if data[i] == 46:  # '.'
            if not digits:
                return -1
            dots += 1
            last = i
            digits = value = 0
        elif 48 <= data[i] <= 57 and digits < 3:
            value = 10 * value + data[i] - 48
            digits += 1
            if value > 255:
                return -1
        else:
            return -1
    return last if dots == 3 and digits else -1


@njit(nogil=True, cache=True)
def _mapped(data: np.ndarray, start: int, stop: int) -> int:
    """Where the IPv4 address of ``::ffff:192.0.2.1`` begins (dual-stack sockets write these)."""
    if stop - start < 8 or data[start] != 58 or data[start + 1] != 58 or data[start + 6] != 58:
        return start
    for i in range(start + 2, start + 6):
        if data[i] | 32 != 102:  # 'f'
            return start
    return start + 7


@njit(nogil=True, cache=True)
def _network_hashes(data: np.ndarray, offsets: np.ndarray, out: np.ndarray) -> None:
    for row in range(out.size):
        start, stop = offsets[row], offsets[row + 1]
        if stop == start:
            out[row] = 0
            continue
        first = _mapped(data, start, stop)
        last = _prefix24(data, first, stop)
        if last >= 0:
            out[row] = hash_bytes(data, first, last)
            continue
        prefix = _prefix48(data, start, stop)
        if prefix >= 0:
            out[row] = mix64(np.uint64(prefix) ^ np.uint64(0x6A09E667F3BCC908))
        else:
            out[row] = hash_bytes(data, start, stop)


def hash_networks(addresses: pa.Array) -> npt.NDArray[np.uint64]:
    """Hash of the address block of each address, shape (n,); 0 where null or empty."""
    if pa.types.is_dictionary(addresses.type):
        return spread(hash_networks(addresses.dictionary), addresses)
    data, offsets = string_buffers(addresses)
    out = np.zeros(len(addresses), dtype=np.uint64)
    _network_hashes(data, offsets, out)
    return out
