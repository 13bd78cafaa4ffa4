"""Columns of any type to one canonical batch; the single place where rows are refused.

Every reader ends here, so that the same value is accepted, cut, nulled or refused whatever
file it came in. A row is refused only for a required column: absent, unreadable or, for an
identifier or a model name, empty.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types as at

from stillwatch.domain.tables import Column
from stillwatch.logs.byday import tagged
from stillwatch.logs.clock import clocked
from stillwatch.logs.columns import canonical, longest
from stillwatch.logs.interface import Reading
from stillwatch.logs.schema import ARROW_TYPES, REPEATING

LONG_TEXTS: Final = frozenset({"prompt", "system_prompt", "response"})
"""Columns that are cut when too long; every other text becomes null."""
MAY_BE_EMPTY: Final = frozenset({"prompt", "timestamp"})
"""Required columns in which an empty text is a value."""

Cells: TypeAlias = "pa.Array | list[Any] | None"
"""A column as a reader found it; ``None`` where it did not."""

Place = Callable[[int], tuple[int, bytes]]
"""Index in the batch to the row's line number (from 1) and the row as it was written."""


def assemble(
    reading: Reading, columns: Mapping[str, Cells], rows: int, place: Place
) -> pa.RecordBatch:
    """Return the canonical batch of ``reading.wanted``; bad rows go to quarantine, cells are counted.

    ``columns`` maps canonical names to arrays of length ``rows`` and of any type; a name that
    is missing becomes a column of nulls.
    """
    arrays = [
        _assembled(reading, column, columns.get(column.name), rows) for column in reading.wanted
    ]
    batch = pa.RecordBatch.from_arrays(arrays, [column.name for column in reading.wanted])
    batch = _refuse(reading, batch, columns, place)
    reading.tally.good += batch.num_rows
    return tagged(batch) if reading.options.by_day else batch


def _assembled(reading: Reading, column: Column, given: Cells, rows: int) -> pa.Array:
    if given is None:
        return pa.nulls(rows, ARROW_TYPES[column.type])
    if column.name == "timestamp":
        given = clocked(given, reading.options.mapping)
    if (
        reading.options.encoded
        and column.name in REPEATING
        and isinstance(given, pa.DictionaryArray)
    ):
        encoded = _encoded(given, column, reading)
        if encoded is not None:
            return encoded
    array, bad = canonical(given, column)
    if at.is_string(array.type):
        array, over = _bounded(array, column, reading)
        bad += over
    if bad and not column.required:
        reading.tally.cells[column.name] += bad
    return array


def _encoded(
    given: pa.DictionaryArray, column: Column, reading: Reading
) -> pa.DictionaryArray | None:
    """Check the values of a dictionary instead of the rows; ``None`` if they must be looked at.

    A dictionary may hold values that no row has, so what is amiss in it need not be amiss in a
    row: it is then decoded like any other column, and so is one that is longer than its column.
    """
    if len(given.dictionary) > len(given):
        return None
    values, bad = canonical(given.dictionary, column)
    sound = not bad and not values.null_count and longest(values) <= _most(column, reading)
    if not sound or (column.required and pc.min(pc.binary_length(values)).as_py() == 0):
        return None
    return pa.DictionaryArray.from_arrays(given.indices.cast(pa.int32()), values)


def _most(column: Column, reading: Reading) -> int:
    limits = reading.options.limits
    return limits.text_bytes if column.name in LONG_TEXTS else limits.field_bytes


def _bounded(array: pa.Array, column: Column, reading: Reading) -> tuple[pa.Array, int]:
    """Keep text within the limits: cut if it is long text, else null; returns values nulled."""
    most = _most(column, reading)
    if longest(array) <= most:
        return array, 0
    lengths = pc.binary_length(array)
    over = pc.fill_null(pc.greater(lengths, most), False)
    count = pc.sum(over).as_py()
    if not count:  # long bytes under a null
        return array, 0
    if column.name not in LONG_TEXTS:
        return pc.if_else(over, None, array), count
    reading.tally.cut[column.name] += count
    cut = [_cut(text.as_py(), most) for text in array.filter(over)]
    return pc.replace_with_mask(array, over, pa.array(cut, pa.string())), 0


def _cut(text: str, most: int) -> str:
    """Return the longest beginning of ``text`` within ``most`` bytes of UTF-8."""
    return text.encode()[:most].decode("utf-8", "ignore")


def _refuse(
    reading: Reading, batch: pa.RecordBatch, given: Mapping[str, Cells], place: Place
) -> pa.RecordBatch:
    """Quarantine the rows that lack a required value; nothing is copied if there is none."""
    refused: dict[int, str] = {}
    for column in reading.wanted:
        if column.required:
            for index in _lacking(batch.column(column.name), column):
                refused.setdefault(index, _reason(given.get(column.name), column, index))
    if not refused:
        return batch
    for index in sorted(refused):
        line, raw = place(index)
        reading.reject(line, refused[index], raw)
    keep = [index not in refused for index in range(batch.num_rows)]
    return batch.filter(pa.array(keep, pa.bool_()))


def _lacking(array: pa.Array, column: Column) -> list[int]:
    missing = pc.is_null(array) if array.null_count else None
    if column.name not in MAY_BE_EMPTY and not at.is_dictionary(array.type):
        lengths = pc.binary_length(array)
        if pc.min(lengths).as_py() == 0:
            empty = pc.fill_null(pc.equal(lengths, 0), False)
            missing = empty if missing is None else pc.or_(missing, empty)
    return [] if missing is None else pc.indices_nonzero(missing).to_pylist()


def _reason(given: Cells, column: Column, index: int) -> str:
    try:
        cell = None if given is None else given[index]
        value = cell.as_py() if isinstance(cell, pa.Scalar) else cell
        if value is None:
            return f"no {column.name}"
        shown = str(value)[:40]
    except (ValueError, OverflowError):
        shown = "not UTF-8"
    return f"unusable {column.name} ({shown})" if shown else f"empty {column.name}"
