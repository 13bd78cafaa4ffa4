"""Blocks of whole lines to batches of events, by any format that stands on single lines.

The format is told by the first block, once; after that every block is read as it was then. A
format that keeps parts of one event in several records is refused: half an event in one block
and half in the next would be two bad rows.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import pyarrow as pa

from stillwatch.engines.local import SLICE
from stillwatch.errors import InputError
from stillwatch.logs import Quarantine, ReadOptions, Tally, registry
from stillwatch.logs.interface import LogFormat, Reading, Source
from stillwatch.logs.lines import looks_like_json
from stillwatch.logs.mapping import ColumnMapping
from stillwatch.profiles.requests import READ
from stillwatch.watch.interface import Bad

_JOINED: Final = ("azure",)
_WIDE: Final = (b"\xff\xfe", b"\xfe\xff")


def read_options(format_: str | None, mapping: ColumnMapping | None) -> ReadOptions:
    """Options for growing logs: the share of bad rows is judged over all sources together."""
    return ReadOptions(
        format=format_,
        mapping=mapping,
        columns=READ,
        batch_rows=SLICE,
        encoded=True,
        bad_row_limit=1.0,
    )


class BadRows(Quarantine):
    """Keeps the bad rows of one block in memory; lines are numbered on from ``first``."""

    def __init__(self, first: int = 1) -> None:
        super().__init__(None)
        self._first = first
        self._raw = ReadOptions().limits.quarantine_bytes
        self.rows: list[Bad] = []

    def add(self, source: str, line: int, reason: str, raw: bytes | str) -> None:
        """Count one bad row and keep its beginning."""
        super().add(source, line, reason, raw)
        data = raw.encode("utf-8", "replace") if isinstance(raw, str) else raw
        text = data[: self._raw].decode("utf-8", "replace")
        self.rows.append(Bad(source, self._first + line - 1, reason, text))


class Blocks:
    """Reads the blocks of one log."""

    def __init__(self, name: str, options: ReadOptions, format_: str | None = None) -> None:
        self._name = name
        self._options = options
        self._format: LogFormat | None = registry.by_name(format_) if format_ else None
        self.header = b""
        """First line of a table of text, which names the columns of every block."""

    @property
    def format(self) -> str | None:
        """Name of the format, once it is known."""
        return self._format.name if self._format else None

    def read(self, block: bytes, first: int) -> tuple[list[pa.RecordBatch], list[Bad], Tally]:
        """Batches, bad rows and counts of one block of whole lines; line ``first`` is its first.

        Raises ``UnknownFormat`` or ``InputError`` where no row of this log can ever be read.
        """
        tally, bad = Tally(), BadRows(first - (1 if self.header else 0))
        source = Source(self._name, "", len(block), None, held=self.header + block)
        reading = Reading(source, self._options, bad, tally)
        format_ = self._format or self._told(reading, block)
        batches = [batch for batch in _all(format_, reading) if batch.num_rows]
        if self._format is None:
            self._format = format_
            if not looks_like_json(block):
                self.header = _first_line(block)
        return batches, bad.rows, tally

    def _told(self, reading: Reading, block: bytes) -> LogFormat:
        head = block[: self._options.limits.head_bytes]
        if head.startswith(_WIDE):
            raise InputError(
                f"{self._name} is UTF-16", hint="a log that is followed must be written as UTF-8"
            )
        format_ = registry.choose(head, self._name, self._options)
        if format_.name in _JOINED:
            raise InputError(
                f"{self._name} is in the format {format_.name}, which tells one event in several "
                "records",
                hint="profile it hour by hour with `stillwatch profile` instead of following it",
            )
        format_.check(replace(reading, source=replace(reading.source, format=format_.name)), head)
        return format_


def _all(format_: LogFormat, reading: Reading) -> Iterator[pa.RecordBatch]:
    source = replace(reading.source, format=format_.name)
    return format_.batches(replace(reading, source=source))


def _first_line(block: bytes) -> bytes:
    """The first line that is not blank, with its end."""
    lines = block.split(b"\n")
    return next((line for line in lines if line.strip()), b"") + b"\n"
