"""Profiles as short byte strings, for the way between machines.

Most of a profile of few events is the identity: 12 kB that say little. A packed profile is a bit
per eight bytes of the record (is it other than the identity's?), then those that are. It is an
exact copy, about six times as short for one event and half as long for a hundred, at the price of
one walk over memory; general compression costs ten times that and takes out little more.

>>> import numpy as np
>>> from stillwatch.profiles.merge import empty
>>> one = empty(1)
>>> one["events"] = 3
>>> [len(each.as_py()) for each in packed(one)], unpacked(packed(one))["events"].tolist()
([200], [3])
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from stillwatch.errors import StoredDataError
from stillwatch.profiles.fields import PROFILE, identity
from stillwatch.profiles.merge import Profiles, as_bytes

_WORDS = PROFILE.itemsize // 8
_BITS = -(-_WORDS // 64)
"""Words of the map that says which words follow."""
_IDENTITY = as_bytes(identity().reshape(1))[0].view(np.uint64)


def packed(profiles: Profiles) -> pa.BinaryArray:
    """Each profile as bytes; at most 100,000 of them (offsets have 32 bits)."""
    words = np.ascontiguousarray(profiles).view(np.uint64).reshape(profiles.size, _WORDS)
    offsets = np.zeros(profiles.size + 1, dtype=np.int64)
    _measure(words, _IDENTITY, offsets)
    out = np.zeros(offsets[-1], dtype=np.uint64)
    _pack(words, _IDENTITY, offsets, out)
    places = pa.py_buffer((offsets * 8).astype(np.int32))
    return pa.BinaryArray.from_buffers(
        pa.binary(), profiles.size, [None, places, pa.py_buffer(out)]
    )


def unpacked(array: pa.BinaryArray) -> Profiles:
    """What ``packed`` packed. Raises ``StoredDataError`` for anything else."""
    _, places, data = array.buffers()
    n = len(array)
    profiles = np.empty(n, dtype=PROFILE)
    if not n:
        return profiles
    starts = np.frombuffer(places, np.int32)[array.offset : array.offset + n + 1]
    whole: npt.NDArray[np.uint8] = np.frombuffer(data, np.uint8)[starts[0] : starts[-1]]
    offsets = (starts - starts[0]).astype(np.int64)
    words = profiles.view(np.uint64).reshape(n, _WORDS)
    if (offsets % 8).any() or not _unpack(
        whole.copy().view(np.uint64), offsets // 8, _IDENTITY, words
    ):
        raise StoredDataError(
            "a packed profile is damaged or of another layout",
            hint="let every machine of a run have the same version of stillwatch",
        )
    return profiles


@njit(nogil=True, cache=True)
def _measure(words, identity, offsets):  # type: ignore[no-untyped-def]
    for i in range(words.shape[0]):
        size = _BITS
        for j in range(_WORDS):
            size += words[i, j] != identity[j]
        offsets[i + 1] = offsets[i] + size


@njit(nogil=True, cache=True)
def _pack(words, identity, offsets, out):  # type: ignore[no-untyped-def]
    for i in range(words.shape[0]):
        at = offsets[i] + _BITS
        for j in range(_WORDS):
            if words[i, j] != identity[j]:
                out[offsets[i] + (j >> 6)] |= np.uint64(1) << np.uint64(j & 63)
                out[at] = words[i, j]
                at += 1


@njit(nogil=True, cache=True)
def _unpack(data, offsets, identity, words):  # type: ignore[no-untyped-def]
    """False where the lengths do not fit what the maps say."""
    for i in range(words.shape[0]):
        start, stop = offsets[i], offsets[i + 1]
        at = start + _BITS
        if at > stop:
            return False
        for j in range(_WORDS):
            if data[start + (j >> 6)] >> np.uint64(j & 63) & np.uint64(1):
                if at >= stop:
                    return False
                words[i, j] = data[at]
                at += 1
            else:
                words[i, j] = identity[j]
        if at != stop:
            return False
    return True
