"""Parquet files with the canonical columns, or others named by a mapping.

The fast path: columns are projected before they are decoded, cast whole and never touched row
by row unless a row is bad. A dotted source path reaches into struct columns. Source: Apache
Arrow documentation, "Reading and Writing the Apache Parquet Format".
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types as at

from stillwatch.errors import DamagedFile, InputError
from stillwatch.logs import remote
from stillwatch.logs.assemble import assemble
from stillwatch.logs.interface import Part, Reading, Source
from stillwatch.logs.mapping import SourcePath, missing_path, require_paths
from stillwatch.logs.messages import columns_of_messages
from stillwatch.logs.nested import filled, has, part, paths_of
from stillwatch.logs.schema import REPEATING

_DAMAGE: Final = (pa.ArrowException, OSError, UnicodeDecodeError)
_READ_BUFFER: Final = 1 << 20
_SMALL_DICTIONARY: Final = 1 << 15
"""Bytes of a stored dictionary up to which its values are cheaper to check than the rows are: it
comes whole with every batch."""
_INDEX_BYTES: Final = 4
"""Bytes per row above which a column is not indices alone: a writer gives up a dictionary that
grows too large."""
_SPARE_CORES: Final = (os.cpu_count() or 1) > 2
"""Whether to decode columns side by side. On two cores those who use the batches need both, and
memory that wanders between threads is not used again (measured: 1.7 against 1.2 us per row)."""


@dataclass(frozen=True, slots=True)
class ParquetFormat:
    """Reads Parquet, locally through pyarrow and remotely through DuckDB."""

    name: str = "parquet"

    def sniff(self, head: bytes, name: str) -> float:
        """Recognise the four magic bytes."""
        del name
        return 1.0 if head.startswith(b"PAR1") else 0.0

    def check(self, reading: Reading, head: bytes) -> None:
        """Refuse a file that is cut short or lacks a required column."""
        del head
        source = reading.source
        if source.remote:
            schema = remote.table_columns(source.path)
        else:
            with _opened(source.path) as file:
                schema = file.schema_arrow
        require(reading, schema)

    def batches(self, reading: Reading) -> Iterator[pa.RecordBatch]:
        """Yield canonical batches, decoding only the columns that are wanted."""
        row = _first_row(reading.source)
        for batch in _raw_batches(reading):
            yield canonical(reading, batch, row)
            row += batch.num_rows

    def divided(self, reading: Reading, head: bytes, most: int) -> list[Source]:
        """Runs of row groups; a file of one group cannot be divided."""
        del head
        source = reading.source
        if source.remote or source.bytes <= most:
            return [source]
        with _opened(source.path) as file:
            sizes = [
                file.metadata.row_group(number).total_byte_size
                for number in range(file.metadata.num_row_groups)
            ]
        return [
            replace(source, bytes=source.bytes * size // max(sum(sizes), 1), part=part)
            for part, size in _runs(sizes, most * max(sum(sizes), 1) / source.bytes)
        ]


def _runs(sizes: Sequence[int], most: float) -> Iterator[tuple[Part, int]]:
    """Runs of neighbours that together are at most ``most``, each of one at least."""
    first = gathered = 0
    for number, size in enumerate(sizes):
        if number > first and gathered + size > most:
            yield Part(first, number), gathered
            first, gathered = number, 0
        gathered += size
    yield Part(first, len(sizes)), gathered


def _groups(source: Source, file: pq.ParquetFile) -> list[int]:
    part = source.part or Part(0, file.metadata.num_row_groups)
    return list(range(*part))


def _rows(file: pq.ParquetFile, groups: Iterable[int]) -> int:
    return sum(file.metadata.row_group(number).num_rows for number in groups)


def _first_row(source: Source) -> int:
    """Number of the first row, from 1 at the beginning of the file."""
    if source.part is None or not source.part.first:
        return 1
    with _opened(source.path) as file:
        return 1 + _rows(file, range(source.part.first))


def _raw_batches(reading: Reading) -> Iterator[pa.RecordBatch]:
    source, rows = reading.source, reading.options.batch_rows
    if source.remote:
        names = needed(reading, remote.table_columns(source.path))
        yield from remote.table_batches(source.path, names, rows)
        reading.tally.bytes_read += source.bytes
        return
    with _for_batches(reading) as file:
        total = max(_rows(file, _groups(source, file)), 1)
        done = told = 0
        names = needed(reading, file.schema_arrow)
        try:
            for batch in file.iter_batches(
                rows, row_groups=_groups(source, file), columns=names, use_threads=_SPARE_CORES
            ):
                done += batch.num_rows
                reading.tally.bytes_read += source.bytes * done // total - told
                told = source.bytes * done // total
                yield batch
        except _DAMAGE as error:
            raise DamagedFile(
                f"{source.path} is damaged after row {done}: {error}", hint="write or copy it again"
            ) from error


def _for_batches(reading: Reading) -> pq.ParquetFile:
    """Open a file so that texts which repeat come as dictionaries, where these are wanted."""
    file = _opened(reading.source.path)
    repeating = _repeating(reading, file) if reading.options.encoded else []
    if not repeating:
        return file
    with file:
        return _opened(reading.source.path, repeating, file.metadata)


def _repeating(reading: Reading, file: pq.ParquetFile) -> list[str]:
    """Return the text columns that the file stores as indices into a small dictionary.

    Told by its first row group: what differs in others is slower to read, not wrong.
    """
    if not file.metadata.num_row_groups:
        return []
    group, schema, paths = file.metadata.row_group(0), file.schema_arrow, _paths(reading)
    wanted = {paths[column.name].path for column in reading.wanted if column.name in REPEATING}
    chunks = [group.column(number) for number in range(group.num_columns)]
    return [
        chunk.path_in_schema
        for chunk in chunks
        if chunk.path_in_schema in wanted.intersection(schema.names)
        and (
            at.is_string(kind := schema.field(chunk.path_in_schema).type)
            or at.is_large_string(kind)
        )
        and chunk.has_dictionary_page
        and chunk.data_page_offset - chunk.dictionary_page_offset <= _SMALL_DICTIONARY
        and chunk.total_uncompressed_size <= _INDEX_BYTES * group.num_rows
    ]


def _opened(
    path: str, dictionaries: list[str] | None = None, metadata: pq.FileMetaData | None = None
) -> pq.ParquetFile:
    try:
        # a small read buffer instead of whole column chunks: as fast, and memory does not grow
        # with the row group (measured: 1.3 M rows/s and 320 MB against 0.9 M and 525 MB)
        return pq.ParquetFile(
            path,
            metadata=metadata,
            read_dictionary=dictionaries,
            pre_buffer=False,
            buffer_size=_READ_BUFFER,
        )
    except _DAMAGE as error:
        raise DamagedFile(
            f"{path} is not a whole Parquet file: {error}", hint="write or copy it again"
        ) from error


def _paths(reading: Reading) -> dict[str, SourcePath]:
    """Return where each wanted column is: under its own name unless mapped."""
    mapping = reading.options.mapping
    mapped = {} if mapping is None else mapping.columns
    return {c.name: mapped.get(c.name, SourcePath(c.name)) for c in reading.wanted}


def needed(reading: Reading, schema: pa.Schema) -> list[str]:
    """Columns of a table that the wanted ones are in."""
    tops = [_top(where.path, schema) for where in _paths(reading).values()]
    return list(dict.fromkeys(top for top in tops if top is not None))


def _top(path: str, schema: pa.Schema) -> str | None:
    """Return the column that a dotted path starts with; a column's own name may have dots."""
    end = len(path)
    while end > 0:
        if schema.get_field_index(path[:end]) >= 0:
            return path[:end]
        end = path.rfind(".", 0, end)
    return None


def require(reading: Reading, schema: pa.Schema) -> None:
    """Refuse a table that lacks a required column, or one that the mapping names."""
    limits = reading.options.limits
    if len(schema.names) > limits.columns:
        raise InputError(
            f"{reading.source.path} has {len(schema.names)} columns, more than {limits.columns}",
            hint="export only the columns of the request log",
        )
    mapping = reading.options.mapping
    if mapping is not None:
        require_paths(mapping, schema.names, reading.source.path)
        for name, where in mapping.columns.items():
            top = _top(where.path, schema) or ""
            if not has(schema.field(top).type, where.path[len(top) + 1 :]):
                raise missing_path(mapping, name, paths_of(schema), reading.source.path)
    constants = {} if mapping is None else mapping.constants
    paths = _paths(reading)
    for column in reading.wanted:
        found = _top(paths[column.name].path, schema) is not None
        if column.required and not found and column.name not in constants:
            raise InputError(
                f"{reading.source.path} has no column {column.name!r}",
                hint=f"name it in a mapping file; it has: {', '.join(schema.names[:30])}",
            )


def canonical(reading: Reading, batch: pa.RecordBatch, first_row: int) -> pa.RecordBatch:
    """The canonical batch of a table's batch, whoever read it; bad rows go to quarantine."""
    columns: dict[str, pa.Array | list[Any]] = {}
    mapping = reading.options.mapping
    for name, where in _paths(reading).items():
        array = _column(batch, where.path)
        if array is None:
            continue
        if name == "prompt" and (where.messages or _is_nested(array)):
            for other, derived in columns_of_messages(array, reading.options.limits.depth).items():
                columns.setdefault(other, derived)
        else:
            columns[name] = array
    for name, constant in (mapping.constants if mapping else {}).items():
        columns[name] = filled(columns.get(name), batch.num_rows, constant)

    def place(index: int) -> tuple[int, bytes]:
        return first_row + index, _row(batch, index)

    return assemble(reading, columns, batch.num_rows, place)


def _is_nested(cells: pa.Array | list[Any]) -> bool:
    if isinstance(cells, list):
        return any(isinstance(cell, list | dict) for cell in cells)
    return bool(at.is_nested(cells.type))


def _column(batch: pa.RecordBatch, path: str) -> pa.Array | list[Any] | None:
    top = _top(path, batch.schema)
    if top is None:
        return None
    array, rest = batch.column(batch.schema.get_field_index(top)), path[len(top) + 1 :]
    return part(array, rest) if rest else array


def _row(batch: pa.RecordBatch, index: int) -> bytes:
    """Return one row as JSON, for the quarantine."""
    shown: dict[str, Any] = {}
    for name, array in zip(batch.schema.names, batch.columns, strict=True):
        try:
            shown[name] = array[index].as_py()
        except (ValueError, OverflowError):
            shown[name] = "unreadable"
    return orjson.dumps(shown, default=str, option=orjson.OPT_NON_STR_KEYS)
