"""Any log to batches of the canonical events table: the front door of this room.

>>> log = open_logs(["requests.parquet"], ReadOptions(), Quarantine(None))  # doctest: +SKIP
>>> for batch in log.batches():                                             # doctest: +SKIP
...     work(batch)

Everything that can be known early is refused early: a missing file, an unknown format, a
table without an account column. What is bad in single rows is quarantined and counted; when
too much is bad, reading fails rather than score a rest that may not be representative.

Of a damaged file nothing counts, wherever the damage is: what is read of it depends on who reads
it and in which parts. Where damage shows only after events were handed on, ``ReadAgain`` says so.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import pyarrow as pa

from stillwatch.errors import DamagedFile, EmptyInput, InputError, TooManyBadRows, UnknownFormat
from stillwatch.logs import registry, streams
from stillwatch.logs.inputs import Found, find_inputs
from stillwatch.logs.interface import (
    EARLY_ROWS,
    JoiningFormat,
    LogFormat,
    Reading,
    ReadOptions,
    Source,
    Tally,
)
from stillwatch.logs.quarantine import Quarantine
from stillwatch.logs.records import HINTS
from stillwatch.logs.remarks import remarks


class ReadAgain(Exception):
    """Files turned out to be damaged after events of theirs were handed on: begin again with ``log``."""

    def __init__(self, log: "EventLog") -> None:
        super().__init__()
        self.log = log


class EventLog:
    """Opened sources, to be read once.

    ``tally`` tells what was counted on the way: cell warnings, cut texts, skipped records,
    damaged files; ``passed_over`` the files in folders that were not read.
    """

    def __init__(
        self,
        readings: Sequence[tuple[LogFormat, Reading]],
        tally: Tally,
        passed_over: Counter[str],
        most_damaged: int = 0,
    ) -> None:
        self._readings = tuple(readings)
        self.tally = tally
        self.sources: tuple[Source, ...] = tuple(reading.source for _, reading in readings)
        self.total_bytes: int = sum(source.bytes for source in self.sources)
        self.passed_over = passed_over
        self.most_damaged = most_damaged
        """Files that may be damaged and are left out then."""

    @property
    def bytes_read(self) -> int:
        """Bytes consumed so far, as stored; never more than ``total_bytes``."""
        return min(self.tally.bytes_read, self.total_bytes)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was not read whole, in sentences."""
        return remarks(self.tally, self.passed_over)

    @property
    def rows_read(self) -> int:
        """Rows seen so far, good and bad."""
        return self.tally.good + self.tally.bad

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield batches of the columns asked for: canonical names, order and types.

        A column that a source lacks is all null; required columns have no null. Raises
        ``TooManyBadRows`` when the share of bad rows is above the limit, ``EmptyInput`` after
        the last batch if there was no good row; ``ReadAgain`` once all is read, if files were
        damaged of which batches were yielded, and no more of them than ``most_damaged``.
        """
        known = len(self.tally.left_out)
        for number, (reading, batches) in enumerate(self._passes()):
            if number:
                self._stop_if_bad(reading)
            for batch in batches:
                if self.rows_read >= EARLY_ROWS:
                    self._stop_if_bad(reading)
                if batch.num_rows and len(self.tally.left_out) == known:
                    yield batch
            if len(self.tally.left_out) > self.most_damaged:
                raise _too_many(self.tally.left_out)
        if len(self.tally.left_out) > known:
            raise ReadAgain(self.rest())
        self.finish()

    def rest(self) -> "EventLog":
        """The log without the files that are known to be damaged, to be read from the beginning.

        Raises ``DamagedFile`` where they are too many, or where nothing else is left.
        """
        damaged = dict(self.tally.left_out)
        tally = Tally(left_out=list(damaged.items()), unknown=self.tally.unknown)
        _, first = self._readings[0]
        first.quarantine.begin_again()
        for path, reason in damaged.items():
            first.quarantine.add(path, 0, reason, b"")
        rest = [
            (reader, replace(reading, tally=tally))
            for reader, reading in self._readings
            if reading.source.path not in damaged
        ]
        if len(damaged) > self.most_damaged or not rest:
            raise _too_many(self.tally.left_out)
        return EventLog(rest, tally, self.passed_over, self.most_damaged)

    @property
    def readings(self) -> tuple[tuple[LogFormat, Reading], ...]:
        """Each source with the format that reads it, for who divides the reading."""
        return self._readings

    def _passes(self) -> Iterator[tuple[Reading, Iterator[pa.RecordBatch]]]:
        """Yield each source's batches, or those of all sources that belong together at once."""
        joined: set[str] = set()
        for reader, reading in self._readings:
            if not isinstance(reader, JoiningFormat):
                batches = reader.batches(reading)
                yield reading, whole(reading, batches) if self.most_damaged else batches
            elif reader.name not in joined:
                joined.add(reader.name)
                parts = [other for same, other in self._readings if same.name == reader.name]
                yield reading, reader.joined(parts)

    def finish(self) -> None:
        """Judge the whole, once all is read and counted; ``batches`` does it itself."""
        _, reading = self._readings[-1]
        if self.tally.bad:
            self._stop_if_bad(reading, final=True)
        if not self.tally.good:
            raise EmptyInput(
                f"no model request in {self._described()}", hint=_why_empty(self.tally)
            )

    def _stop_if_bad(self, reading: Reading, *, final: bool = False) -> None:
        share = self.tally.bad / max(self.rows_read, 1)
        if share <= reading.options.bad_row_limit or not (final or self.rows_read >= EARLY_ROWS):
            return
        reasons = reading.quarantine.reasons.most_common(3)
        shown = ", ".join(f"{reason} ({count})" for reason, count in reasons)
        raise TooManyBadRows(
            f"{self.tally.bad} of {self.rows_read} rows cannot be used ({share:.1%}, limit "
            f"{reading.options.bad_row_limit:.1%}): {shown}",
            hint=_remedy(reading, reasons[0][0]),
        )

    def _described(self) -> str:
        first = self.sources[0].path
        return first if len(self.sources) == 1 else f"{first} and {len(self.sources) - 1} more"


def whole(reading: Reading, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The batches of a file; where it is damaged they end, and the tally says that none counts."""
    try:
        yield from batches
    except DamagedFile as error:
        reading.tally.left_out.append((reading.source.path, error.message))


def _too_many(damaged: Sequence[tuple[str, str]]) -> DamagedFile:
    first, *more = dict(damaged).values()
    others = f" (and {len(more)} files more, see bad_file_limit)" if more else ""
    return DamagedFile(f"{first}{others}", hint="write or copy it again")


def open_logs(
    paths: Sequence[str | Path], options: ReadOptions, quarantine: Quarantine
) -> EventLog:
    """Resolve files, folders, patterns and addresses, tell their formats, refuse early.

    Raises ``InputError`` for a missing or unreadable file, ``UnknownFormat`` where no reader
    recognises one, ``EmptyInput`` where there is nothing, ``ConfigError`` for a mapping that
    does not fit.
    """
    listing = find_inputs(paths)
    tally = Tally()
    readings: list[tuple[LogFormat, Reading]] = []
    unknown: UnknownFormat | None = None
    most_damaged = int(options.bad_file_limit * len(listing.files))
    for found in listing.files:
        try:
            entry = _open(found, options, quarantine, tally)
        except DamagedFile as error:
            tally.left_out.append((found.path, error.message))
            if len(tally.left_out) > most_damaged:
                raise
            quarantine.add(found.path, 0, error.message, b"")
            continue
        except UnknownFormat as error:
            if not found.searched:
                raise
            # folders hold manifests and our own results, too: passed over, but told
            tally.unknown.append(found.path)
            unknown = unknown or error
            continue
        if entry is None:
            listing.passed_over["empty"] += 1
        else:
            readings.append(entry)
    if not readings and unknown is not None:
        raise unknown
    if not readings and tally.left_out:
        raise _too_many(tally.left_out)
    if not readings:
        raise EmptyInput(f"{listing.files[0].path} is empty", hint="name a file with requests")
    return EventLog(readings, tally, listing.passed_over, most_damaged)


def _open(
    found: Found, options: ReadOptions, quarantine: Quarantine, tally: Tally
) -> tuple[LogFormat, Reading] | None:
    source = Source(found.path, "", found.bytes, found.compression, found.remote)
    table = found.remote and found.path.lower().endswith((".parquet", ".pq"))
    head = b"PAR1" if table else streams.head_of(source, options.limits.head_bytes)
    if head.strip() in _NOTHING:
        return None
    reader = registry.choose(head, found.path, options)
    source = Source(found.path, reader.name, found.bytes, found.compression, found.remote)
    reading = Reading(source, options, quarantine, tally)
    try:
        reader.check(reading, head)
    except InputError as error:
        if found.searched:
            error.hint += "; if it is no request log, name the log files instead of the folder"
        raise
    return reader, reading


def _remedy(reading: Reading, reason: str) -> str:
    known = HINTS.get((reading.source.format, reason.removeprefix("no ")))
    if known:
        return known
    where = reading.quarantine.path
    return f"look at {where}" if where else "check format and mapping, or raise the limit"


_NOTHING: Final = (b"", b"[]", b"{}")


def _why_empty(tally: Tally) -> str:
    if tally.bad:
        return f"all {tally.bad:,} rows cannot be used, see the quarantine"
    if tally.skipped:
        reasons = ", ".join(f"{reason} ({count})" for reason, count in tally.skipped.most_common(3))
        return f"records were skipped: {reasons}"
    return "the file has a header or a table but no row"
