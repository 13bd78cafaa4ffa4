"""A file that is written once: Parquet, packed text, a JSON document. It is read when it is whole.

A reader gives the same batches for the same file every time, so the position in one is how many
batches were accepted; after a restart that many are read again and passed over, bad rows included.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch.errors import InputError
from stillwatch.logs import ReadOptions, Tally, registry, streams
from stillwatch.logs.interface import LogFormat, Reading, Source
from stillwatch.logs.lines import is_json_lines, looks_like_json
from stillwatch.watch.blocks import BadRows
from stillwatch.watch.interface import Bad, Position, Taken

_MAGIC: Final = b"PAR1"

Stamp = tuple[int, int, int, int]
"""Device, inode, size and time of the last change: what tells that a file was not touched."""


def stamp_of(path: Path) -> Stamp:
    """Of a file. Raises ``OSError``."""
    status = path.stat()
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def is_whole_kind(head: bytes) -> bool | None:
    """Whether a file that begins so is written once; None: too little to tell."""
    if head.startswith(_MAGIC) or any(head.startswith(magic) for magic in streams.MAGIC):
        return True
    lines = [line for line in head.split(b"\n") if line.strip()]
    if len(head) < len(_MAGIC) or (len(lines) < 2 and b"\n" not in head):
        return True if head.lstrip()[:1] == b"[" else None
    return looks_like_json(head) and not is_json_lines(head)


def is_finished(path: Path) -> bool:
    """Whether the end of the file is there: no writer has anything to add."""
    try:
        with path.open("rb") as file:
            head = file.read(4)
            file.seek(-min(64, path.stat().st_size), 2)
            end = file.read().rstrip()
        if head == _MAGIC:
            pq.ParquetFile(path).close()
            return True
    except (OSError, pa.ArrowException):
        return False
    kind = next((name for magic, name in streams.MAGIC.items() if head.startswith(magic)), None)
    return _unpacks(path, kind) if kind else end[-1:] in (b"]", b"}")


def _unpacks(path: Path, kind: str) -> bool:
    source, tally = Source(str(path), "", 0, kind), Tally()
    reading = Reading(source, ReadOptions(), BadRows(), tally)
    try:
        for _ in streams.chunks(reading):
            pass
    except InputError:
        return False
    return not tally.damaged


class Whole:
    """One such file being read."""

    def __init__(self, path: Path, options: ReadOptions, position: Position | None = None) -> None:
        """Open it. Raises ``InputError`` where no row of it can be read."""
        self.path = path
        self.stamp = stamp_of(path)
        self._passed = 0
        if position is not None and tuple(position["stamp"]) == self.stamp:
            self._passed = position["batches"]
        self._accepted = self._passed
        self._bad, self._tally = BadRows(), Tally()
        self._batches = self._read(options)
        self._ahead: Taken | None = None

    def position(self) -> Position:
        """Where to go on."""
        return {"stamp": list(self.stamp), "batches": self._accepted}

    def take(self) -> Taken | None:
        """The next batch; None after the last. The same again until it was accepted."""
        if self._ahead is None:
            while self._passed and next(self._batches, None) is not None:
                self._passed -= 1
                self._drain()
            batch = next(self._batches, None)
            bad, tally = self._drain()
            if batch is None and not bad:
                return None
            self._ahead = Taken([] if batch is None else [batch], self._accept, bad, tally)
        return self._ahead

    def _accept(self) -> None:
        self._accepted += len(self._ahead.batches) if self._ahead else 0
        self._ahead = None

    def _drain(self) -> tuple[list[Bad], Tally]:
        bad, tally = self._bad.rows, replace(self._tally)
        self._bad.rows = []
        self._tally.good = self._tally.bad = 0
        self._tally.cells, self._tally.cut, self._tally.skipped = Counter(), Counter(), Counter()
        return bad, tally

    def _read(self, options: ReadOptions) -> Iterator[pa.RecordBatch]:
        path = str(self.path)
        with self.path.open("rb") as file:
            kind = streams.compression_of(file)
        source = Source(path, "", self.stamp[2], kind)
        head = streams.head_of(source, options.limits.head_bytes)
        format_: LogFormat = registry.choose(head, path, options)
        source = replace(source, format=format_.name)
        reading = Reading(source, options, self._bad, self._tally)
        format_.check(reading, head)
        return (batch for batch in format_.batches(reading) if batch.num_rows)
