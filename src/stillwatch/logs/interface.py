"""What a reader is: the types every format shares.

A format is one file that says whether it recognises a file (``sniff``), refuses early what it
can never read (``check``) and turns the rest into batches of the events table (``batches``).
It never raises for a bad row; it hands it to ``Reading.reject``.

>>> ReadOptions(columns=frozenset({"asn"})).bad_row_limit
0.01
"""

import builtins
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import Final, NamedTuple, Protocol, runtime_checkable

import pyarrow as pa

from stillwatch.domain.tables import Column
from stillwatch.errors import TooManyBadRows
from stillwatch.logs.limits import Limits
from stillwatch.logs.mapping import ColumnMapping
from stillwatch.logs.quarantine import Quarantine
from stillwatch.logs.schema import wanted_columns

EARLY_ROWS: Final = 1000
"""From this many rows on, too large a share of bad ones stops the reading at once."""
_REASON: Final = 80
_REASONS: Final = 50


@dataclass(frozen=True)
class ReadOptions:
    """How to read; the defaults read every column of whatever format is found."""

    format: str | None = None
    """Name of a format, or ``None`` to look at each file."""
    mapping: ColumnMapping | None = None
    """Where the canonical columns are, for a layout of the provider's own."""
    columns: frozenset[str] | None = None
    """Columns to read, ``None`` for all; the required ones are always read."""
    batch_rows: int = 65536
    """Most rows in a batch."""
    encoded: bool = False
    """Whether texts that repeat may come as dictionaries (``schema.REPEATING``), where the file
    has them so: as cheap as a number. Their values are as sound as strings; some may be unused."""
    by_day: bool = False
    """Whether account ids come with the day of the event before them (``byday``)."""
    bad_row_limit: float = 0.01
    """Share of quarantined rows above which reading fails (0 to 1)."""
    bad_file_limit: float = 0.0
    """Share of files that may be damaged and are left out then (0 to 1); beyond it reading fails."""
    limits: Limits = field(default_factory=Limits)
    """Bounds on untrusted input."""


class Part(NamedTuple):
    """A part of a file that can be read apart: ``first`` (included) to ``last`` (excluded).

    Bytes of a text in which every line stands alone (the lines that begin there); row groups of
    a Parquet file.
    """

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Source:
    """One file or address to read."""

    path: str
    """As given or found."""
    format: str
    """Name of the format that reads it."""
    bytes: int
    """Size as stored, compressed if it is; 0 where a remote store does not tell."""
    compression: str | None
    """``gzip``, ``zstd`` or ``None``."""
    remote: bool = False
    """True if it is read through DuckDB."""
    held: builtins.bytes | None = None
    """Whole lines that were taken off a growing log, to be read instead of what is at ``path``."""
    part: Part | None = None
    """What of the file is read; ``None`` for all of it."""


@dataclass(slots=True)
class Tally:
    """What happened while reading; grows batch by batch."""

    bytes_read: int = 0
    """Bytes consumed, as stored."""
    good: int = 0
    """Rows delivered."""
    bad: int = 0
    """Rows quarantined."""
    cells: Counter[str] = field(default_factory=Counter)
    """Values that were not of their column's type and became null, by column."""
    cut: Counter[str] = field(default_factory=Counter)
    """Texts longer than the limit, cut, by column."""
    skipped: Counter[str] = field(default_factory=Counter)
    """Well-formed records that are no model request (embeddings, other spans), by reason."""
    damaged: list[str] = field(default_factory=list)
    """Files that end early; what came before the damage was read."""
    left_out: list[tuple[str, str]] = field(default_factory=list)
    """Damaged files of which nothing may count, with what is wrong; one may stand here twice."""
    unknown: list[str] = field(default_factory=list)
    """Files found in folders that no reader recognises."""
    lines: int = 0
    """Line ends in parts of text files, so that the parts behind them can number their lines."""

    def add(self, other: "Tally") -> None:
        """Count what another reader counted."""
        for each in fields(self):
            mine, theirs = getattr(self, each.name), getattr(other, each.name)
            if isinstance(mine, Counter):
                mine.update(theirs)
            else:
                setattr(self, each.name, mine + theirs)


@dataclass(frozen=True, slots=True)
class Reading:
    """One source being read: what a format needs besides the bytes."""

    source: Source
    """What is read."""
    options: ReadOptions
    """How."""
    quarantine: Quarantine
    """Where bad rows go."""
    tally: Tally
    """What is counted."""

    @property
    def wanted(self) -> tuple[Column, ...]:
        """Columns asked for, with the required ones, in canonical order."""
        return wanted_columns(self.options.columns)

    def reject(self, line: int, reason: str, raw: bytes | str) -> None:
        """Quarantine one row.

        Raises ``TooManyBadRows`` when so many are bad that the good rows still on their way
        cannot make up for them: a file of garbage must not be read, and kept, to its end.
        """
        tally, limit = self.tally, self.options.bad_row_limit
        tally.bad += 1
        self.quarantine.add(self.source.path, line, reason, raw)
        on_the_way = self.options.batch_rows + self.options.limits.pending_events
        if tally.bad >= EARLY_ROWS and tally.bad > limit * (tally.good + tally.bad + on_the_way):
            where = self.quarantine.path
            raise TooManyBadRows(
                f"{tally.bad:,} rows cannot be used by line {line:,} of {self.source.path} (limit "
                f"{limit:.1%}): {reason}",
                hint=f"look at {where}"
                if where
                else "check format and mapping, or raise the limit",
            )

    def skip(self, reason: str) -> None:
        """Count one well-formed record that is no model request.

        ``reason`` may quote the record, so it is cut and many different ones are counted as one.
        """
        reason, skipped = reason[:_REASON], self.tally.skipped
        skipped[reason if reason in skipped or len(skipped) < _REASONS else "other"] += 1


class LogFormat(Protocol):
    """A log format: one instance per file in this folder, listed in ``registry``."""

    @property
    def name(self) -> str:
        """Name for ``--format``."""

    def sniff(self, head: bytes, name: str) -> float:
        """How surely (0 to 1) a file of this base name that begins with ``head`` is of this format."""

    def check(self, reading: Reading, head: bytes) -> None:
        """Raise ``InputError`` or ``ConfigError`` if no row of the file can ever be read."""

    def batches(self, reading: Reading) -> Iterator[pa.RecordBatch]:
        """Batches of ``reading.wanted``, at most ``batch_rows`` long; empty ones are left out."""


@runtime_checkable
class DivisibleFormat(LogFormat, Protocol):
    """A format whose large files can be read in parts, by several readers at once."""

    def divided(self, reading: Reading, head: bytes, most: int) -> list[Source]:
        """The source in parts of about ``most`` bytes; itself alone where it cannot be divided."""


@runtime_checkable
class JoiningFormat(LogFormat, Protocol):
    """A format that keeps parts of one event in several files."""

    def joined(self, readings: Sequence[Reading]) -> Iterator[pa.RecordBatch]:
        """Batches of all these files together."""
