"""Profiles on disk: one Parquet file, one row per account, one column per field.

A vector field is a fixed-size list. The file's metadata carry the version of the layout and the
phrase families, because counts are only comparable under the same ones: files that differ are
refused, never silently added.
"""

from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch.errors import InputError, StoredDataError
from stillwatch.profiles.fields import FIELDS, VERSION, Field
from stillwatch.profiles.table import ProfileTable

_META = b"stillwatch.profiles"
_ROWS = 8192  # per row group: bounds the memory of reading and writing


def write_profiles(table: ProfileTable, path: Path) -> None:
    """Write all profiles to ``path``, atomically (the old file stays until the new is complete).

    Raises ``InputError`` where ``path`` cannot be written.
    """
    meta = orjson.dumps(
        {
            "version": VERSION,
            "families": table.families,
            "models": {str(key): name for key, name in sorted(table.model_names.items())},
        }
    )
    schema = _schema().with_metadata({_META: meta})
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(
            partial, schema, compression="zstd", compression_level=1, write_page_checksum=True
        ) as writer:
            for start in range(0, len(table), _ROWS):
                writer.write_batch(_batch(table, start, schema))
        partial.replace(path)
    except OSError as error:
        raise InputError(
            f"cannot write profiles to {path}: {error.strerror or error}",
            hint="name a file in a folder you may write to",
        ) from error
    finally:
        if partial.parent.is_dir():
            partial.unlink(missing_ok=True)


def is_profiles(path: Path) -> bool:
    """Whether ``path`` is a file that ``write_profiles`` wrote."""
    if not path.is_file() or path.suffix != ".parquet":
        return False
    try:
        return _META in (pq.read_schema(path).metadata or {})
    except (pa.ArrowInvalid, OSError):
        return False


def read_profiles(path: Path) -> ProfileTable:
    """Read what ``write_profiles`` wrote.

    Raises ``StoredDataError`` when the file is foreign, damaged or of another version.
    """
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
        meta = orjson.loads((file.schema_arrow.metadata or {})[_META])
    except (KeyError, OSError, pa.ArrowInvalid, orjson.JSONDecodeError) as error:
        raise StoredDataError(
            f"{path} is not a profile file of stillwatch",
            hint="write one with 'stillwatch profile LOGS --out FILE'",
        ) from error
    if meta["version"] != VERSION:
        raise StoredDataError(
            f"{path} has profile layout {meta['version']}, this version reads {VERSION}",
            hint="profile the logs again",
        )
    if not file.schema_arrow.remove_metadata().equals(_schema()):
        raise StoredDataError(
            f"{path} is damaged: its columns are not those of layout {VERSION}",
            hint="profile the logs again",
        )
    table = ProfileTable(meta["families"])
    table.model_names = {int(key): name for key, name in meta["models"].items()}
    try:
        for batch in file.iter_batches(_ROWS):
            rows = table.rows(batch.column("account_id"))
            for field in FIELDS:
                table.profiles[field.name][rows] = _values(batch.column(field.name), field)
    except (OSError, pa.ArrowException, ValueError) as error:
        raise StoredDataError(
            f"{path} is damaged: {error}", hint="profile the logs again"
        ) from error
    if len(table) != file.metadata.num_rows:
        raise StoredDataError(
            f"{path} is damaged: accounts occur twice", hint="profile the logs again"
        )
    return table


def merge_tables(into: ProfileTable, other: ProfileTable, name: str) -> None:
    """Add ``other`` to ``into``; refuses tables counted under different phrase families."""
    if into.families != other.families:
        raise StoredDataError(
            f"{name} was counted under other phrase families than the profiles it is merged with",
            hint="profile its logs again under the present rules",
        )
    into.merge(other)


def _schema() -> pa.Schema:
    fields = [pa.field(f.name, _arrow_type(f)) for f in FIELDS]
    return pa.schema([pa.field("account_id", pa.string()), *fields])


def _arrow_type(field: Field) -> pa.DataType:
    scalar = pa.from_numpy_dtype(np.dtype(field.dtype))
    size = int(np.prod(field.shape))
    if field.dtype == "u1":
        return pa.binary(size)
    return pa.list_(scalar, size) if field.shape else scalar


def _batch(table: ProfileTable, start: int, schema: pa.Schema) -> pa.RecordBatch:
    profiles = table.profiles[start : start + _ROWS]
    columns: list[pa.Array] = [pa.array(table.account_ids[start : start + _ROWS], pa.string())]
    for field in FIELDS:
        flat = np.ascontiguousarray(profiles[field.name]).reshape(-1)
        kind = schema.field(field.name).type
        if field.dtype == "u1":
            columns.append(pa.Array.from_buffers(kind, profiles.size, [None, pa.py_buffer(flat)]))
        elif field.shape:
            columns.append(pa.FixedSizeListArray.from_arrays(pa.array(flat), type=kind))
        else:
            columns.append(pa.array(flat))
    return pa.record_batch(columns, schema=schema)


def _values(column: pa.Array, field: Field) -> np.ndarray:
    n = len(column)
    size = int(np.prod(field.shape))
    if field.dtype == "u1":
        flat = np.frombuffer(column.buffers()[1], np.uint8)[column.offset * size :][: n * size]
    elif field.shape:
        flat = column.flatten().to_numpy()
    else:
        flat = column.to_numpy()
    return flat.reshape((n, *field.shape))
