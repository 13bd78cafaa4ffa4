"""Whole columns of any Arrow type to the canonical types, at the speed of Arrow.

Rules: a value that is not of its column's type becomes null and is counted; an absent value
(null, NaN, empty text in a number column) becomes null and is not. Only when Arrow refuses a
whole column are its values looked at one by one.

>>> column, bad = canonical(pa.array([5, -1, None]), EVENT_COLUMNS["input_tokens"])
>>> column.to_pylist(), bad
([5, None, None], 1)
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types as at

from stillwatch.domain.tables import Column
from stillwatch.logs import values
from stillwatch.logs.schema import ARROW_TYPES, EVENT_COLUMNS

__all__ = ["EVENT_COLUMNS", "canonical", "plain"]

_LARGEST = {"int32": values.INT32_MAX, "int64": values.INT64_MAX, "float32": values.FLOAT32_MAX}
_EXACT = 2**53
_BLOCK = 1 << 16
_UNITS_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def canonical(given: pa.Array | list[Any], column: Column) -> tuple[pa.Array, int]:
    """Return ``given`` as ``column``'s Arrow type, and how many values could not be taken over."""
    if isinstance(given, list):
        try:
            given = pa.array(given)
        except (pa.ArrowException, OverflowError, ValueError, TypeError):
            return _one_by_one(given, column)  # mixed types
    array = plain(given)
    if at.is_null(array.type):
        return pa.nulls(len(array), ARROW_TYPES[column.type]), 0
    if array.type == ARROW_TYPES[column.type] and column.type in ("string", "bool"):
        return array, 0
    try:
        return _WHOLE[column.type](array, column)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError):
        return _one_by_one(array, column)


def plain(array: pa.Array) -> pa.Array:
    """Strip dictionary, view and large encodings; text that is not UTF-8 stays binary."""
    if at.is_dictionary(array.type):
        array = array.dictionary_decode()
    if isinstance(array, pa.ExtensionArray):
        if array.type.extension_name == "arrow.uuid":
            return pa.array([None if each is None else str(each) for each in array.to_pylist()])
        array = array.storage
    kind = array.type
    if at.is_string(kind) or at.is_large_string(kind) or at.is_string_view(kind):
        return _checked_text(array)
    if at.is_binary(kind) or at.is_large_binary(kind) or at.is_binary_view(kind):
        try:
            return array.cast(pa.string())
        except pa.ArrowInvalid:
            return array.cast(pa.binary())
    return array


def _checked_text(array: pa.Array) -> pa.Array:
    """Check the encoding: Parquet text comes unchecked and would fail much later."""
    if at.is_string(array.type) and _is_ascii(array):
        return array
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        return array.cast(pa.binary())
    return array if at.is_string(array.type) else array.cast(pa.string())


def _is_ascii(array: pa.Array) -> bool:
    """Whether all bytes, also those under a null, are ASCII in sound order, as of ids and names.

    Costs a tenth of looking at each text, and next to nothing where the answer is no.
    """
    offsets, data = _offsets(array), array.buffers()[2]
    if not offsets[-1]:
        return not offsets.any()
    if (
        data is None
        or np.diff(offsets).min() < 0
        or not 0 <= offsets[0] <= offsets[-1] <= data.size
    ):
        return False
    text = np.frombuffer(data, dtype=np.uint8)[offsets[0] : offsets[-1]]
    return all(text[at : at + _BLOCK].max() < 128 for at in range(0, text.size, _BLOCK))


def longest(array: pa.Array) -> int:
    """Most bytes of a text of a string column, a null's included: what no text is longer than."""
    return int(np.diff(_offsets(array)).max(initial=0))


def _offsets(array: pa.Array) -> npt.NDArray[np.int32]:
    """Where each text begins in the buffer, and where the last one ends."""
    buffer = array.buffers()[1]
    if buffer is None or not len(array):
        return np.zeros(1, dtype=np.int32)
    return np.frombuffer(buffer, dtype=np.int32)[array.offset :][: len(array) + 1]


def _text(array: pa.Array, column: Column) -> tuple[pa.Array, int]:
    if at.is_nested(array.type) or at.is_binary(array.type):
        return _one_by_one(array, column)
    if at.is_floating(array.type):
        whole, bad = _whole_numbers(_without_nan(array), values.INT64_MAX)
        return _one_by_one(array, column) if bad else (whole.cast(pa.string()), 0)
    return array.cast(pa.string()), 0


def _number(array: pa.Array, column: Column) -> tuple[pa.Array, int]:
    if at.is_string(array.type):
        trimmed = pc.utf8_trim_whitespace(array)
        array = _read(pc.if_else(pc.equal(trimmed, ""), None, trimmed))
        if column.type == "int64" and at.is_floating(array.type) and _inexact(array):
            return _one_by_one(trimmed, column)
    elif at.is_decimal(array.type):
        array = array.cast(pa.float64())
    elif not (at.is_integer(array.type) or at.is_floating(array.type)):
        return pa.nulls(len(array), ARROW_TYPES[column.type]), len(array) - array.null_count
    if at.is_floating(array.type):
        array = _without_nan(array)
    if column.type == "float32":
        kept, bad = _within(array, _LARGEST["float32"])
        return kept.cast(pa.float32(), safe=False), bad
    kept, bad = _whole_numbers(array, int(_LARGEST[column.type]))
    return kept.cast(ARROW_TYPES[column.type]), bad


def _without_nan(array: pa.Array) -> pa.Array:
    absent = pc.is_nan(array)
    return pc.if_else(absent, None, array) if pc.any(absent).as_py() else array


def _read(texts: pa.Array) -> pa.Array:
    """Read numbers, whole ones exactly: a double holds these only up to 2**53."""
    whole = pc.all(pc.utf8_is_decimal(texts)).as_py()
    return texts.cast(pa.int64() if whole else pa.float64())


def _inexact(array: pa.Array) -> bool:
    return (pc.max(array).as_py() or 0) >= _EXACT


def _within(array: pa.Array, largest: float) -> tuple[pa.Array, int]:
    """Keep values from 0 to ``largest``; the common case costs one pass."""
    span = pc.min_max(array).as_py()
    if span["min"] is None or (span["min"] >= 0 and span["max"] <= largest):
        return array, 0
    top = pa.scalar(largest, array.type) if span["max"] > largest else pc.max(array)
    fits = pc.and_(pc.greater_equal(array, pa.scalar(0, array.type)), pc.less_equal(array, top))
    kept = pc.if_else(fits, array, None)
    return kept, kept.null_count - array.null_count


def _whole_numbers(array: pa.Array, largest: int) -> tuple[pa.Array, int]:
    kept, bad = _within(array, largest)
    if at.is_floating(kept.type):
        whole = pc.if_else(pc.equal(pc.floor(kept), kept), kept, None)
        # 2**63 as a double rounds up past the largest integer: the cast refuses it, and the
        # column goes the slow way
        return whole.cast(pa.int64()), bad + whole.null_count - kept.null_count
    return kept, bad


def _truth(array: pa.Array, column: Column) -> tuple[pa.Array, int]:
    if not at.is_integer(array.type):
        return _one_by_one(array, column)
    known = pc.or_(
        pc.equal(array, pa.scalar(0, array.type)), pc.equal(array, pa.scalar(1, array.type))
    )
    kept = pc.if_else(known, array, None)
    return kept.cast(pa.bool_()), kept.null_count - array.null_count


def _moment(array: pa.Array, column: Column) -> tuple[pa.Array, int]:
    if at.is_string(array.type):
        array = _parsed(array)
    if at.is_date(array.type):
        array = array.cast(pa.timestamp("s" if at.is_date32(array.type) else "ms"))
    if at.is_timestamp(array.type):
        return _bounded(array)
    if at.is_integer(array.type) or at.is_floating(array.type):
        return _epoch(array)
    return _one_by_one(array, column)


def _parsed(array: pa.Array) -> pa.Array:
    """Parse ISO 8601 text, all with a zone or all without one; nanoseconds, for 7-digit fractions."""
    try:
        return array.cast(pa.timestamp("ns", "UTC"))
    except pa.ArrowInvalid:
        return array.cast(pa.timestamp("ns"))


def _bounded(array: pa.Array) -> tuple[pa.Array, int]:
    per_second = _UNITS_PER_SECOND[array.type.unit]
    ticks = array.cast(pa.int64())
    span = pc.min_max(ticks).as_py()
    low = values.EARLIEST_MICROS // 10**6 * per_second
    high = values.LATEST_MICROS // 10**6 * per_second
    bad = 0
    if span["min"] is not None and not (low <= span["min"] and span["max"] < high):
        kept = pc.if_else(pc.and_(pc.greater_equal(ticks, low), pc.less(ticks, high)), array, None)
        array, bad = kept, kept.null_count - array.null_count
    # a naive time is UTC; digits beyond the microsecond are cut on purpose
    return array.cast(ARROW_TYPES["timestamp"], safe=False), bad


def _epoch(array: pa.Array) -> tuple[pa.Array, int]:
    """Take epoch numbers, each one's unit told by its size (see ``values``)."""
    if at.is_floating(array.type):
        array = _without_nan(array)
    number = array.cast(pa.float64() if at.is_floating(array.type) else pa.int64())
    number, negative = _within(number, values.INT64_MAX)
    micros = pc.if_else(
        pc.less(number, int(1e11)),
        pc.multiply(number, 10**6),
        pc.if_else(
            pc.less(number, int(1e14)),
            pc.multiply(number, 10**3),
            pc.if_else(pc.less(number, int(1e17)), number, pc.divide(number, 1000)),
        ),
    )
    if at.is_floating(micros.type):
        kept, bad = _within(pc.round(micros), float(values.LATEST_MICROS))
        micros, negative = kept.cast(pa.int64()), negative + bad
    moments, bad = _bounded(micros.cast(pa.timestamp("us")))
    return moments, bad + negative


def _one_by_one(cells: pa.Array | list[Any], column: Column) -> tuple[pa.Array, int]:
    """Convert each value by itself; ``bad`` counts those that are present and of no use."""
    convert, bad = values.CONVERTERS[column.type], 0
    out: list[Any] = []
    for cell in cells:
        try:
            out.append(convert(cell.as_py() if isinstance(cell, pa.Scalar) else cell))
        except (ValueError, OverflowError):
            out.append(None)
            bad += 1
    kind = pa.int64() if column.type == "timestamp" else ARROW_TYPES[column.type]
    return pa.array(out, kind).cast(ARROW_TYPES[column.type]), bad


_WHOLE = {
    "string": _text,
    "timestamp": _moment,
    "int32": _number,
    "int64": _number,
    "float32": _number,
    "bool": _truth,
}
