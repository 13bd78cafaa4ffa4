"""Writes a world's files: a directory either holds a whole world or does not exist.

Files are written next to the wanted directory and moved there at the end, so an interrupted run
leaves nothing that could be taken for a world.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch.errors import InputError


class WorldWriter:
    """One directory of Parquet files, one file per day; a context manager."""

    def __init__(self, out: Path) -> None:
        """Refuse a directory in use; raises InputError."""
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise InputError(
                f"{out} exists and is not an empty directory", hint="choose another --out"
            )
        self._out = out
        self._partial = out.absolute().with_name(f".{out.absolute().name}.partial")

    def __enter__(self) -> Self:
        try:
            shutil.rmtree(self._partial, ignore_errors=True)
            (self._partial / "events").mkdir(parents=True)
        except OSError as error:
            raise InputError(
                f"{self._out} cannot be written ({error.strerror})", hint="choose another --out"
            ) from error
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            if self._out.exists():
                self._out.rmdir()
            self._partial.rename(self._out)
        else:
            shutil.rmtree(self._partial, ignore_errors=True)

    def day(self, name: str, events: pa.Table) -> None:
        """Write one day."""
        self._write(self._partial / "events" / f"day={name}.parquet", events)

    def table(self, name: str, table: pa.Table) -> None:
        """Write accounts or labels."""
        self._write(self._partial / f"{name}.parquet", table)

    def describe(self, description: Mapping[str, object]) -> None:
        """Write ``world.json``."""
        data = orjson.dumps(description, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
        (self._partial / "world.json").write_bytes(data + b"\n")

    @staticmethod
    def _write(path: Path, table: pa.Table) -> None:
        pq.write_table(table, path, compression="zstd", row_group_size=131_072)
