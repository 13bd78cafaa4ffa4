"""64-bit hashes shared by the kernels, and the way into Arrow's string buffers.

The hash is a wyhash-style multiply-fold: fast for the short strings of a log, and the same on
every machine, because profiles of different machines are merged by it.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit, uint64

_K0 = np.uint64(0xA0761D6478BD642F)
_K1 = np.uint64(0xE7037ED1A0B428DB)


@njit("uint64(uint64)", nogil=True, cache=True, inline="always")
def mix64(x):  # type: ignore[no-untyped-def]
    """Bijective mixing of 64 bits (the finaliser of SplitMix64, Steele et al. 2014)."""
    x = uint64(x)
    x ^= x >> uint64(30)
    x *= uint64(0xBF58476D1CE4E5B9)
    x ^= x >> uint64(27)
    x *= uint64(0x94D049BB133111EB)
    x ^= x >> uint64(31)
    return x


@njit(nogil=True, cache=True)
def hash_bytes(data, start, stop):  # type: ignore[no-untyped-def]
    """Hash of ``data[start:stop]`` (uint8 array); never 0, which stands for null."""
    state = uint64(_K0) ^ uint64(stop - start)
    i = start
    while i + 8 <= stop:
        word = uint64(0)
        for j in range(8):
            word |= uint64(data[i + j]) << uint64(8 * j)
        state = mix64(state ^ word) * _K1
        i += 8
    word = uint64(0)
    j = 0
    while i < stop:
        word |= uint64(data[i]) << uint64(8 * j)
        i += 1
        j += 1
    state = mix64(state ^ word ^ _K1)
    return state if state else uint64(1)


@njit(nogil=True, cache=True)
def _hash_rows(data, offsets, out):  # type: ignore[no-untyped-def]
    for row in range(out.size):
        start, stop = offsets[row], offsets[row + 1]
        out[row] = hash_bytes(data, start, stop) if stop > start else uint64(0)


def string_buffers(array: pa.Array) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """UTF-8 bytes (m,) and offsets (n + 1,) of a string array, sliced or not; no copy of the text."""
    width = np.int64 if pa.types.is_large_string(array.type) else np.int32
    _, offsets, data = array.buffers()
    if offsets is None or not len(array):
        return np.zeros(0, dtype=np.uint8), np.zeros(len(array) + 1, dtype=np.int64)
    starts = np.frombuffer(offsets, dtype=width)[array.offset : array.offset + len(array) + 1]
    text = np.zeros(0, dtype=np.uint8) if data is None else np.frombuffer(data, dtype=np.uint8)
    return text, starts.astype(np.int64)


def hash_strings(array: pa.Array) -> npt.NDArray[np.uint64]:
    """Hash of each string, shape (n,); 0 for null and for the empty string."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    data, offsets = string_buffers(array)
    out = np.zeros(len(array), dtype=np.uint64)
    _hash_rows(data, offsets, out)
    return out
