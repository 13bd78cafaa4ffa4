"""64-bit hashes shared by the kernels, and the way into Arrow's string buffers.

Hashes fold text eight bytes at a time and are the same on every machine, because profiles of
different machines are merged by them. They are not keyed: whoever needs secrecy hashes again.

>>> import pyarrow as pa
>>> hash_strings(pa.array(["a", "b", None, ""]))[2:].tolist()
[0, 0]
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types, uint64
from numba.extending import intrinsic

from stillwatch.profiles.cells import present, spread

_intrinsic: Any = intrinsic  # numba's types do not know that it fills in the first argument


def _compiled(function: Callable[..., Any], **options: Any) -> Any:
    build: Any = njit  # numba's types lack ``_nrt``
    return build(nogil=True, cache=True, **options)(function)


def allocating_kernel(function: Callable[..., Any]) -> Any:
    """Compile an outer loop that makes its own buffers."""
    return _compiled(function)


def kernel(function: Callable[..., Any]) -> Any:
    """Compile an inner loop: without the GIL, and without numba's runtime.

    So nothing can be allocated inside and no array is reference-counted: the atomic counts around
    small helpers made the walk over the text four times slower.
    """
    return _compiled(function, _nrt=False)


def helper(function: Callable[..., Any]) -> Any:
    """Compile what is small and called once per word or byte: inlined into its caller."""
    return _compiled(function, _nrt=False, forceinline=True)


_K0 = np.uint64(0xA0761D6478BD642F)
_K1 = np.uint64(0xE7037ED1A0B428DB)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


@helper
def mix64(x):  # type: ignore[no-untyped-def]
    """Bijective mixing of 64 bits (the finaliser of SplitMix64, Steele et al. 2014)."""
    x = uint64(x)
    x ^= x >> uint64(30)
    x *= uint64(0xBF58476D1CE4E5B9)
    x ^= x >> uint64(27)
    x *= uint64(0x94D049BB133111EB)
    x ^= x >> uint64(31)
    return x


@_intrinsic
def load_word(typing_context, data, at):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Eight bytes of a uint8 array from ``at`` on, little-endian, unaligned, unchecked."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        pointer = builder.gep(array.data, [arguments[1]])
        word = builder.load(builder.bitcast(pointer, ir.IntType(64).as_pointer()))
        word.align = 1
        return word

    return types.uint64(data, types.int64), build


@_intrinsic
def trailing_zeros(typing_context, bits):  # type: ignore[no-untyped-def]  # noqa: ARG001
    """Number of zero bits below the lowest set bit of a uint64; 64 for 0."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.uint64(types.uint64), build


@helper
def load_bytes(data, at, count):  # type: ignore[no-untyped-def]
    """``data[at:at + count]`` (1 to 8 bytes of a uint8 array) as a little-endian number."""
    if at + 8 <= data.size:
        return load_word(data, at) & (uint64(_ALL) >> uint64(64 - 8 * count))
    word = uint64(0)
    for j in range(count):
        word |= uint64(data[at + j]) << uint64(8 * j)
    return word


@helper
def hash_bytes(data, start, stop):  # type: ignore[no-untyped-def]
    """Hash of ``data[start:stop]`` (uint8 array); never 0, which stands for null."""
    state = uint64(_K0) ^ (uint64(stop - start) << uint64(32))
    i = start
    while stop - i > 8:
        state = (state ^ load_bytes(data, i, 8)) * _K1
        state ^= state >> uint64(32)
        i += 8
    if i < stop:
        state = (state ^ load_bytes(data, i, stop - i)) * _K1
    return max(mix64(state), uint64(1))


@kernel
def _hash_rows(data, offsets, out):  # type: ignore[no-untyped-def]
    for row in range(out.size):
        start, stop = offsets[row], offsets[row + 1]
        out[row] = hash_bytes(data, start, stop) if stop > start else uint64(0)


def string_buffers(array: pa.Array) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """UTF-8 bytes (m,) and offsets (n + 1,) of a string array, sliced or not; no copy of the text.

    A null has no bytes. Raises ``TypeError`` for an array that does not hold strings.
    """
    _require_text(array)
    return _buffers(pc.fill_null(array, "") if array.null_count else array)


def _require_text(array: pa.Array) -> None:
    if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
        raise TypeError(f"expected a string array, not {array.type}")


def _buffers(array: pa.Array) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Bytes and offsets as they are: under a null are any bytes."""
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
        return spread(hash_strings(array.dictionary), array)
    _require_text(array)
    data, offsets = _buffers(array)
    out = np.zeros(len(array), dtype=np.uint64)
    _hash_rows(data, offsets, out)
    return out * present(array) if array.null_count else out
