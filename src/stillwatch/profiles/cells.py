"""Arrow columns as dense arrays, without a pass for what a column does not have.

What lies under a null is undefined in Arrow, so every array here says what a null becomes.

>>> present(pa.array([5, None, 7])).tolist()
[1, 0, 1]
>>> numbers(pa.array([5, None, 7], pa.int32())).tolist()
[5, -1, 7]
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa


def present(array: pa.Array) -> npt.NDArray[np.uint8]:
    """1 where there is a value, 0 where there is none, shape (n,)."""
    return _unpacked(array, 0)


def numbers(array: pa.Array) -> npt.NDArray[Any]:
    """Values of an integer column, shape (n,); -1 where null."""
    values = _values(array)
    if not array.null_count:
        return values
    filled: npt.NDArray[Any] = values | (present(array).astype(values.dtype) - 1)  # -1: all bits
    return filled


def floats(array: pa.Array) -> npt.NDArray[Any]:
    """Values of a floating column, shape (n,); NaN where null."""
    values = _values(array)
    if not array.null_count:
        return values
    return np.where(present(array).view(np.bool_), values, values.dtype.type(np.nan))


def flags(array: pa.Array) -> npt.NDArray[np.uint8]:
    """1 where a boolean column says yes, shape (n,); 0 where null."""
    yes = _unpacked(array, 1)
    return yes & present(array) if array.null_count else yes


def spread(values: npt.NDArray[Any], array: pa.DictionaryArray) -> npt.NDArray[Any]:
    """What ``values`` has for each row's entry in the dictionary, shape (n,); 0 where null."""
    if array.null_count == len(array):
        return np.zeros(len(array), dtype=values.dtype)
    rows = values.take(_values(array.indices), mode="clip")  # under a null is any number
    return rows * present(array) if array.null_count else rows


def _values(array: pa.Array) -> npt.NDArray[Any]:
    buffer, kind = array.buffers()[1], array.type.to_pandas_dtype()
    if buffer is None:
        return np.zeros(len(array), dtype=kind)
    return np.frombuffer(buffer, dtype=kind)[array.offset :][: len(array)]


def _unpacked(array: pa.Array, which: int) -> npt.NDArray[np.uint8]:
    """One byte per bit of the bitmap that is buffer number ``which``; a missing one is all ones."""
    bitmap = array.buffers()[which]
    if bitmap is None:
        return np.ones(len(array), dtype=np.uint8)
    first, skip = divmod(array.offset, 8)
    packed = np.frombuffer(bitmap, dtype=np.uint8)[first:]
    bits = np.unpackbits(packed, count=min(skip + len(array), 8 * packed.size), bitorder="little")
    return bits[skip:]
