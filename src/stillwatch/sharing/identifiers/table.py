"""A table of customers or accounts to identifiers, a batch at a time.

CSV, JSON of any shape and Parquet, compressed or not, by the readers of logs. Memory does not
grow with the file: a batch holds whole rows and closes at ``size`` identifiers. Rows are numbered
from 1, so that a run that was interrupted goes on after the last row it finished. A row that
cannot be read or names no customer is counted, not skipped in silence; what it held is not kept.
"""

import gc
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from stillwatch.domain.identifier import Identifier
from stillwatch.errors import EmptyInput, InputError
from stillwatch.logs import remote, streams
from stillwatch.logs.csvfile import check_header, csv_items, delimiter_of, header_of, sample_items
from stillwatch.logs.inputs import find_inputs
from stillwatch.logs.interface import Reading, ReadOptions, Source
from stillwatch.logs.interface import Tally as ReadTally
from stillwatch.logs.lines import json_items, looks_like_json, opened
from stillwatch.logs.quarantine import Quarantine
from stillwatch.sharing.identifiers.fields import (
    NAMES,
    Field,
    Layout,
    Plan,
    identifiers_of,
    open_plan,
    plan,
)
from stillwatch.sharing.identifiers.interface import Tally

SIZE: Final = 50_000
"""Identifiers in a batch, unless asked otherwise."""
_PARQUET_ROWS: Final = 8192
_PARQUET_BUFFER: Final = 1 << 20
_SAMPLE: Final = 200
_MAX_ROW_ID: Final = 512


@dataclass(frozen=True, slots=True)
class Batch:
    """Whole rows of a table."""

    pairs: list[tuple[str, Identifier]]
    """Row id and identifier; a row with several has several pairs, side by side."""
    last_row: int
    """Number of the last row that is in it; ``after=last_row`` goes on behind it."""


class CustomerTable:
    """One file of customers, opened and understood, not yet read.

    Raises ``InputError`` if it cannot be read at all, names no row id or no known column, and
    ``EmptyInput`` if there is nothing in it.
    """

    def __init__(self, path: Path | str, layout: Layout | None = None) -> None:
        self.layout = layout or Layout()
        found, *others = find_inputs([path]).files
        if found.searched or others:
            raise InputError(f"{path} is not one file", hint="name the file with the customers")
        self._source = Source(found.path, "customers", found.bytes, found.compression, found.remote)
        self._read = ReadTally()
        self._quarantine = Quarantine(None)
        self._reading = Reading(self._source, ReadOptions(), self._quarantine, self._read)
        self._is_parquet = self._told_parquet()
        self.plan = self._planned()

    @property
    def bytes(self) -> int:
        """Size as stored."""
        return self._source.bytes

    @property
    def bytes_read(self) -> int:
        """How much of it was read, as stored."""
        return self._read.bytes_read

    @property
    def bad_rows(self) -> Mapping[str, int]:
        """Rows that could not be read or name no customer, by reason."""
        return self._quarantine.reasons

    def batches(self, tally: Tally, *, size: int = SIZE, after: int = 0) -> Iterator[Batch]:
        """Batches of ``size`` identifiers in the order of the rows.

        A row's identifiers stay together, so a batch may exceed ``size`` by one row's. ``after``
        leaves out the rows up to that number, uncounted. Raises ``TooManyBadRows`` where a file is
        mostly garbage, ``InputError`` where no row can be used, ``EmptyInput`` where there is none.
        """
        found = self._batches(tally, size, after)
        while (batch := _uncollected(found)) is not None:
            yield batch

    def _batches(self, tally: Tally, size: int, after: int) -> Iterator[Batch]:
        pairs: list[tuple[str, Identifier]] = []
        row = 0
        for row, record in self._rows():
            if row <= after:
                continue
            row_id = self._row_id(record)
            if row_id is None:
                self._reading.reject(row, "no row id", b"")
                continue
            self._read.good += 1
            found = identifiers_of(record, self.plan, self.layout, tally)
            pairs += [(row_id, identifier) for identifier in found]
            if len(pairs) >= size:
                yield Batch(pairs, row)
                pairs = []
        self._check(row, after)
        if pairs or row > after:
            yield Batch(pairs, row)

    def _check(self, last: int, after: int) -> None:
        path = self._source.path
        if not last and not self._read.bad:
            raise EmptyInput(f"{path} lists no customer", hint="name another file")
        if not self._read.good and last >= after and self._read.bad:
            reason = self._quarantine.first[0].reason
            raise InputError(f"no row of {path} can be used: {reason}", hint="check its columns")

    def _row_id(self, record: Mapping[str, Any]) -> str | None:
        for column in self.plan.columns.get(Field.ROW_ID, ()):
            value = record.get(column)
            if isinstance(value, str | int) and not isinstance(value, bool):
                text = str(value) if isinstance(value, str) or abs(value) < 1 << 64 else ""
                if 0 < len(text) <= _MAX_ROW_ID:
                    return text
        return None

    def _told_parquet(self) -> bool:
        path = self._source.path
        if self._source.remote:
            return path.endswith((".parquet", ".pq"))
        return streams.head_of(self._source, 4) == b"PAR1"

    def _planned(self) -> Plan:
        found = self._plan()
        path, there = self._source.path, ", ".join(found.ignored[:30]) or "none"
        if Field.ROW_ID not in found.read:
            names = " or ".join(NAMES[Field.ROW_ID])
            raise InputError(
                f"{path} has no column that names the customer",
                hint=f"call it {names}, or map it; unknown columns: {there}",
            )
        if not found.kinds:
            raise InputError(
                f"{path} has no column with identifiers", hint=f"map one; unknown columns: {there}"
            )
        return found

    def _plan(self) -> Plan:
        if self._is_parquet:
            return plan(self._schema().names, self.layout)
        head = streams.head_of(self._source, self._reading.options.limits.head_bytes)
        if not head.strip():
            raise EmptyInput(f"{self._source.path} is empty", hint="name a table of customers")
        if looks_like_json(head):
            items = sample_items(self._reading, head, _SAMPLE)
            return open_plan((name for item in items for name in item.value), self.layout)
        header = header_of(head, delimiter_of(head))
        check_header(header, self._reading)
        return plan(filter(None, header), self.layout)

    def _schema(self) -> pa.Schema:
        path = self._source.path
        if self._source.remote:
            return remote.table_columns(path)
        try:
            return pq.read_schema(path)
        except (pa.ArrowException, OSError) as error:
            raise InputError(
                f"{path} is not a whole Parquet file: {error}", hint="write or copy it again"
            ) from error

    def _rows(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        if self._is_parquet:
            yield from enumerate(self._parquet_rows(), 1)
            return
        text = opened(self._reading)
        items = (json_items if looks_like_json(text.head) else csv_items)(self._reading, text)
        for number, item in enumerate(items, 1):
            yield number, item.value

    def _parquet_rows(self) -> Iterator[dict[str, Any]]:
        columns = [name for names in self.plan.read.values() for name in names]
        for batch in self._parquet_batches(columns):
            yield from batch.to_pylist()

    def _parquet_batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        path = self._source.path
        if self._source.remote:
            yield from remote.table_batches(path, columns, _PARQUET_ROWS)
            return
        try:
            with pq.ParquetFile(path, pre_buffer=False, buffer_size=_PARQUET_BUFFER) as file:
                rows = max(file.metadata.num_rows, 1)
                for batch in file.iter_batches(_PARQUET_ROWS, columns=columns, use_threads=False):
                    self._read.bytes_read += self.bytes * batch.num_rows // rows
                    yield batch
        except (pa.ArrowException, OSError) as error:
            raise InputError(
                f"{path} is damaged: {error}", hint="write or copy it again"
            ) from error


def _uncollected(batches: Iterator[Batch]) -> Batch | None:
    """The next batch, made without the collector of cycles; whoever works on it has that back.

    The collector would walk the whole batch again and again, a fifth of the time, and find none.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        return next(batches, None)
    finally:
        if collecting:
            gc.enable()


def record_identifiers(
    record: Mapping[str, Any], layout: Layout, tally: Tally
) -> tuple[tuple[Identifier, ...], Plan]:
    """The identifiers of one sign-up, and how its keys were read.

    Raises ``ConfigError`` for a mapped key that is not there, ``InputError`` if no key is known.
    """
    found = plan(record, layout)
    if not found.kinds:
        raise InputError(
            "the sign-up has no key with an identifier",
            hint=f"name one of: {', '.join(str(one) for one in Field)}",
        )
    return identifiers_of(record, found, layout, tally), found
