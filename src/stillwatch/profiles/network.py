"""Address blocks: the /24 of an IPv4 address, the /48 of an IPv6 address, as a hash.

Written as a kernel because a log holds one address per event; what cannot be parsed hashes as
the text it is, so that odd values still link equal values and nothing else.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

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
    """First 48 bits of an IPv6 address in text form (RFC 4291, section 2.2), or -1."""
    groups = 0
    prefix = 0
    value = 0
    digits = 0
    i = start
    while i < stop and groups < 3:
        byte = data[i]
        if byte == 58:  # ':'
            if i + 1 < stop and data[i + 1] == 58:  # '::' fills with zeros
                if digits:
                    prefix = (prefix << 16) | value
                    groups += 1
                after = 0  # groups behind the gap decide how many zeros it stands for
                for j in range(i + 2, stop):
                    after += data[j] == 58
                after += i + 2 < stop
                zeros = 8 - groups - after
                if zeros < 3 - groups:
                    return -1  # short gaps inside the first 48 bits do not occur in practice
                return prefix << (16 * (3 - groups))
            prefix = (prefix << 16) | value
            groups += 1
            value = 0
            digits = 0
        else:
            nibble = _hex(byte)
            if nibble < 0 or digits == 4:
                return -1
            value = (value << 4) | nibble
            digits += 1
        i += 1
    return prefix if groups == 3 else -1


@njit(nogil=True, cache=True)
def _network_hashes(data: np.ndarray, offsets: np.ndarray, out: np.ndarray) -> None:
    for row in range(out.size):
        start, stop = offsets[row], offsets[row + 1]
        if stop == start:
            out[row] = 0
            continue
        last_dot = -1
        colon = False
        for i in range(start, stop):
            if data[i] == 46:
                last_dot = i
            elif data[i] == 58:
                colon = True
        if colon and last_dot < 0:
            prefix = _prefix48(data, start, stop)
            if prefix >= 0:
                out[row] = mix64(np.uint64(prefix) ^ np.uint64(0x6A09E667F3BCC908))
                continue
        elif last_dot > 0 and not colon:
            stop = last_dot
        out[row] = hash_bytes(data, start, stop)


def hash_networks(addresses: pa.Array) -> npt.NDArray[np.uint64]:
    """Hash of the address block of each address, shape (n,); 0 where null or empty."""
    data, offsets = string_buffers(addresses)
    out = np.zeros(len(addresses), dtype=np.uint64)
    _network_hashes(data, offsets, out)
    return out
