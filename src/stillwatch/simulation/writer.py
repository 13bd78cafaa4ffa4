"""Writes a world's files; a directory either holds a whole world or no ``world.json``."""

from collections.abc import Mapping
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch.errors import InputError


class WorldWriter:
    """One directory of Parquet files, one file per day."""

    def __init__(self, out: Path) -> None:
        self._out = out
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise InputError(
                f"{out} exists and is not an empty directory", hint="choose another --out"
            )
        try:
            (out / "events").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"{out} cannot be written ({error.strerror})", hint="choose another --out"
            ) from error

    def day(self, name: str, events: pa.Table) -> None:
        """Write one day."""
        self._write(self._out / "events" / f"day={name}.parquet", events)

    def table(self, name: str, table: pa.Table) -> None:
        """Write accounts or labels."""
        self._write(self._out / f"{name}.parquet", table)

    def finish(self, description: Mapping[str, object]) -> None:
        """Write ``world.json``, last."""
        data = orjson.dumps(description, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
        (self._out / "world.json").write_bytes(data + b"\n")

    @staticmethod
    def _write(path: Path, table: pa.Table) -> None:
        pq.write_table(table, path, compression="zstd", row_group_size=131_072)
