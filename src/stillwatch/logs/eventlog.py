"""Any log to batches of the canonical events table: the front door of this room.

>>> log = open_logs(["requests.parquet"], ReadOptions(), Quarantine(None))  # doctest: +SKIP
>>> for batch in log.batches():                                             # doctest: +SKIP
...     work(batch)

Everything that can be known early is refused early: a missing file, an unknown format, a
table without an account column. What is bad in single rows is quarantined and counted; when
too much is bad, reading fails rather than score a rest that may not be representative.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa

from stillwatch.errors import EmptyInput, InputError, TooManyBadRows, UnknownFormat
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
    ) -> None:
        self._readings = tuple(readings)
        self.tally = tally
        self.sources: tuple[Source, ...] = tuple(reading.source for _, reading in readings)
        self.total_bytes: int = sum(source.bytes for source in self.sources)
        self.passed_over = passed_over

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
        the last batch if there was no good row.
        """
        for number, (reading, batches) in enumerate(self._passes()):
            if number:
                self._stop_if_bad(reading)
            for batch in batches:
                if self.rows_read >= EARLY_ROWS:
                    self._stop_if_bad(reading)
                if batch.num_rows:
                    yield batch
        self.finish()

    @property
    def readings(self) -> tuple[tuple[LogFormat, Reading], ...]:
        """Each source with the format that reads it, for who divides the reading."""
        return self._readings

    def _passes(self) -> Iterator[tuple[Reading, Iterator[pa.RecordBatch]]]:
        """Yield each source's batches, or those of all sources that belong together at once."""
        joined: set[str] = set()
        for reader, reading in self._readings:
            if not isinstance(reader, JoiningFormat):
                yield reading, reader.batches(reading)
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
    for found in listing.files:
        try:
            entry = _open(found, options, quarantine, tally)
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
    if not readings:
        raise EmptyInput(f"{listing.files[0].path} is empty", hint="name a file with requests")
    return EventLog(readings, tally, listing.passed_over)


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
