"""Logs in object stores and on web servers, read through DuckDB.

``s3://`` and ``gs://`` addresses go through Arrow's clients (``stores``), on which DuckDB only
reads tables. ``r2://``, ``https://`` and ``http://`` addresses need DuckDB's ``httpfs``
extension, ``az://`` and ``abfss://`` its ``azure``; credentials come from DuckDB's own
persistent secrets. ``file://`` addresses go the same way and need neither. A table is read with
``read_parquet``; text of any format is read as lines with ``read_csv``, so that every reader
works on every store. Source: DuckDB documentation, "S3 API Support", "CSV Import" and
"Reading Faulty CSV Files" (``store_rejects``).
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import duckdb
import pyarrow as pa
from fsspec.implementations.arrow import ArrowFSWrapper

from stillwatch.errors import InputError
from stillwatch.logs import stores
from stillwatch.logs.interface import Reading
from stillwatch.logs.limits import Limits

_ADDRESS: Final = re.compile(r"^(s3a?|gs|gcs|r2|az|azure|abfss?|hf|https?|file)://", re.IGNORECASE)
_AS_LINES: Final = """
SELECT line FROM read_csv(?, columns = {'line': 'VARCHAR'}, delim = ?,
  quote = '', escape = '', header = false, auto_detect = false, parallel = false,
  max_line_size = ?, store_rejects = true)
"""
_SEPARATOR: Final = "\x1f"
"""A column separator that no valid JSON line contains: each line is one column."""


def is_address(path: str) -> bool:
    """Tell an address from a local path."""
    return _ADDRESS.match(path) is not None


def listing(address: str) -> list[tuple[str, int]]:
    """Return the files that an address or a pattern names, each with its size in bytes."""
    if stores.covers(address):
        return stores.listing(address)
    with duckdb.connect() as database:
        try:
            found = database.execute(
                "SELECT filename, size FROM read_blob(?) ORDER BY filename", [address]
            ).fetchall()
        except duckdb.Error as error:
            raise unreadable(address, error) from error
    # DuckDB strips the scheme from local files; keep saying what was given
    scheme = "file://" if address.lower().startswith("file://") else ""
    return [(scheme + name.removeprefix(scheme), int(size)) for name, size in found]


def lines(address: str, reading: Reading | None = None) -> Iterator[bytes]:
    """Yield the text of a remote file in whole lines; lines that are not text are rejected."""
    limits = Limits() if reading is None else reading.options.limits
    with duckdb.connect() as database:
        try:
            relation = database.execute(_AS_LINES, [address, _SEPARATOR, limits.line_bytes])
            while rows := relation.fetchmany(2048):
                yield b"".join((line or "").encode() + b"\n" for (line,) in rows)
            if reading is not None:
                _reject(database, reading)
                reading.tally.bytes_read += reading.source.bytes
        except duckdb.Error as error:
            raise unreadable(address, error) from error


def _reject(database: duckdb.DuckDBPyConnection, reading: Reading) -> None:
    refused = database.execute(
        "SELECT DISTINCT ON (line) line, csv_line, error_type FROM reject_errors ORDER BY line"
    ).fetchall()
    for line, raw, kind in refused:
        reading.reject(int(line), f"unreadable line: {str(kind).lower()}", raw or "")


def table_columns(address: str) -> pa.Schema:
    """Return the schema of a remote Parquet file."""
    with _database(address) as database:
        try:
            return (
                database.sql("SELECT * FROM read_parquet(?) LIMIT 0", params=[address])
                .to_arrow_table()
                .schema
            )
        except duckdb.Error as error:
            raise unreadable(address, error) from error


def table_batches(address: str, columns: list[str], rows: int) -> Iterator[pa.RecordBatch]:
    """Yield the named columns of a remote Parquet file in batches of at most ``rows`` rows."""
    names = ", ".join('"' + name.replace('"', '""') + '"' for name in columns)
    with _database(address) as database:
        database.execute("SET TimeZone = 'UTC'")
        query = f"SELECT {names} FROM read_parquet(?)"  # noqa: S608 - quoted identifiers only
        try:
            relation = database.sql(query, params=[address])
            yield from pa.RecordBatchReader.from_stream(relation.to_arrow_reader(rows))
        except (duckdb.Error, pa.ArrowException) as error:
            raise unreadable(address, error) from error


@contextmanager
def _database(address: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database that reaches the address: over the store's own client if it has one."""
    with duckdb.connect() as database:
        if stores.covers(address):
            database.register_filesystem(_Client(stores.client(address)))
        yield database


class _Client(ArrowFSWrapper):  # type: ignore[misc]  # the library has no types
    protocol = ("s3", "s3a", "gs", "gcs")


def unreadable(address: str, error: Exception) -> InputError:
    """Turn DuckDB's error into ours: a missing extension is told apart from all else."""
    if stores.covers(address):
        return stores.unreadable(address, error)
    text = " ".join(str(error).split())
    missing = re.search(r"extension ['\"]?(httpfs|azure)", text)
    if missing:
        return InputError(
            f"cannot read {address}: DuckDB's {missing[1]} extension is not installed and could "
            "not be fetched",
            hint=f"run INSTALL {missing[1]} in DuckDB where there is network, or copy the files here",
        )
    return InputError(
        f"cannot read {address}: {text[:300]}",
        hint="check the address and DuckDB's secrets for it (CREATE PERSISTENT SECRET)",
    )
