"""Memory for a growing array: it grows where it is, so nothing is copied and nothing held twice."""

import mmap
from typing import Any

import numpy as np
import numpy.typing as npt


class Room:
    """An array of ``dtype`` that grows in place; new items hold zero bytes.

    Pages that were never written cost nothing, so spare capacity is free. Large pages save most
    of the work of a first touch and of address translation, where the system has them.
    """

    def __init__(self, dtype: npt.DTypeLike, n: int) -> None:
        self._dtype = np.dtype(dtype)
        self._memory = _pages(n * self._dtype.itemsize)
        self.array: npt.NDArray[Any] = np.frombuffer(self._memory, self._dtype, n)

    def grow(self, n: int, used: int) -> None:
        """Make it ``n`` items long; the first ``used`` keep their values. ``array`` moves."""
        size = n * self._dtype.itemsize
        self.array = self.array[:0].copy()
        try:
            self._memory.resize(size)
        except (BufferError, SystemError):  # a view is held somewhere; no mremap on this system
            old, self._memory = self._memory, _pages(size)
            kept = used * self._dtype.itemsize
            np.frombuffer(self._memory, np.uint8, kept)[:] = np.frombuffer(old, np.uint8, kept)
        self.array = np.frombuffer(self._memory, self._dtype, n)


def _pages(size: int) -> mmap.mmap:
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return memory
