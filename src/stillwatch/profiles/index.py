"""The row of each account id: a hash table over the bytes of the ids.

It replaces a dictionary of strings: an id that is known is found again without becoming a
string. Open addressing, and ids with equal hashes are told apart by their bytes. The provider
gives the ids, so no account can choose one that collides with many others.

>>> index = Index()
>>> index.rows(pa.array(["a", "b", "a"])).tolist(), index.names(0)
([0, 1, 0], ['a', 'b'])
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import uint64

from stillwatch.profiles.hashing import hash_bytes, helper, kernel, load_bytes, string_buffers

_SLOTS = 1 << 13
_LOWER = np.uint64(0xFFFFFFFF)
_UPPER = np.uint64(0xFFFFFFFF << 32)


class Index:
    """Rows of ids, in the order in which they were first seen."""

    def __init__(self) -> None:
        self._used = 0
        self._slots = np.zeros(_SLOTS, dtype=np.uint64)
        """The hash table, see ``_place``; at most half of it is taken."""
        self._hashes = np.zeros(_SLOTS // 2, dtype=np.uint64)
        self._ends = np.zeros(_SLOTS // 2 + 1, dtype=np.int64)
        """Row r's id is ``_text[_ends[r]:_ends[r + 1]]``."""
        self._text = np.zeros(16 * _SLOTS, dtype=np.uint8)

    def __len__(self) -> int:
        return self._used

    def rows(self, ids: pa.Array) -> npt.NDArray[np.int64]:
        """Row of each id, shape (n,); one not seen before gets the next."""
        if pa.types.is_dictionary(ids.type):
            ids = ids.dictionary_decode()
        data, offsets = string_buffers(ids)
        self._reserve(len(ids), int(offsets[-1] - offsets[0]))
        rows = np.empty(len(ids), dtype=np.int64)
        self._used = _find(
            data, offsets, self._slots, self._hashes, self._ends, self._text, self._used, rows
        )
        return rows

    def names(self, first: int) -> list[str]:
        """Ids of the rows from ``first`` on."""
        ends = pa.py_buffer(self._ends[first : self._used + 1])
        text = pa.py_buffer(self._text)
        names: list[str] = pa.LargeStringArray.from_buffers(
            self._used - first, ends, text
        ).to_pylist()
        return names

    def _reserve(self, more: int, size: int) -> None:
        """Make room for ``more`` ids of ``size`` bytes in all, as if none were known."""
        used, stop = self._used, int(self._ends[self._used])
        if stop + size > self._text.size:
            self._text = _grown(self._text, stop + size)
        if used + more > self._hashes.size:
            self._hashes = _grown(self._hashes, used + more)
            self._ends = _grown(self._ends, self._hashes.size + 1)
        slots = self._slots.size
        while slots < 2 * (used + more):
            slots *= 2
        if slots > self._slots.size:
            self._slots = np.zeros(slots, dtype=np.uint64)
            _refill(self._slots, self._hashes, used)


def _grown(array: npt.NDArray[Any], least: int) -> npt.NDArray[Any]:
    grown = np.zeros(max(least, 2 * array.size), dtype=array.dtype)
    grown[: array.size] = array
    return grown


@helper
def _place(hashed, row):  # type: ignore[no-untyped-def]
    """What stands in the table: the upper half of the hash, and the row + 1; 0 is free."""
    return (hashed & _UPPER) | uint64(row + 1)


@kernel
def _refill(slots, hashes, used):  # type: ignore[no-untyped-def]
    mask = slots.size - 1
    for row in range(used):
        at = np.int64(hashes[row]) & mask
        while slots[at]:
            at = (at + 1) & mask
        slots[at] = _place(hashes[row], row)


@helper
def _equal(one, at, other, start, size):  # type: ignore[no-untyped-def]
    """Whether ``size`` bytes are the same, eight at a time."""
    done = 0
    while size - done > 8:
        if load_bytes(one, at + done, 8) != load_bytes(other, start + done, 8):
            return False
        done += 8
    rest = size - done
    return rest == 0 or load_bytes(one, at + done, rest) == load_bytes(other, start + done, rest)


@kernel
def _find(data, offsets, slots, hashes, ends, text, used, rows):  # type: ignore[no-untyped-def]
    """Write the row of each id, adding those that are new; how many rows there are then."""
    mask = slots.size - 1
    for i in range(rows.size):
        start, size = offsets[i], offsets[i + 1] - offsets[i]
        hashed = hash_bytes(data, start, start + size)
        at = np.int64(hashed) & mask
        row = np.int64(-1)
        while slots[at] and row < 0:
            if (slots[at] ^ hashed) & _UPPER == 0:
                known = np.int64(slots[at] & _LOWER) - 1
                first = ends[known]
                if ends[known + 1] - first == size and _equal(text, first, data, start, size):
                    row = known
            at = (at + 1) & mask
        if row < 0:
            row = used
            slots[at] = _place(hashed, row)
            hashes[row] = hashed
            first = ends[row]
            for j in range(size):
                text[first + j] = data[start + j]
            used += 1
            ends[used] = first + size
        rows[i] = row
    return used
