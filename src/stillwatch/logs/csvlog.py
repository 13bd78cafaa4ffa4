"""CSV with the canonical column names, or others named by a mapping.

The first line names the columns; comma, semicolon, tab and bar are told apart by it. An empty
field is an absent value, except that an empty prompt is a prompt.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from stillwatch.errors import InputError
from stillwatch.logs.csvfile import check_header, csv_items, delimiter_of, header_of
from stillwatch.logs.interface import Reading
from stillwatch.logs.lines import Item, looks_like_json, opened
from stillwatch.logs.mapping import require_paths
from stillwatch.logs.records import Row, canonical_rows, record_batches
from stillwatch.logs.schema import ENOUGH, EVENT_COLUMNS, REQUIRED


@dataclass(frozen=True, slots=True)
class CsvFormat:
    """Reads delimited text with a header."""

    name: str = "csv"

    def sniff(self, head: bytes, name: str) -> float:
        """Recognise the canonical names; any other header is a guess that needs a mapping."""
        if looks_like_json(head) or b"\0" in head.partition(b"\n")[0]:
            return 0.0
        header = header_of(head, delimiter_of(head))
        if len(REQUIRED & set(header)) >= ENOUGH:
            return 0.8
        return 0.15 if len(header) > 1 or ".csv" in name else 0.0

    def check(self, reading: Reading, head: bytes) -> None:
        """Refuse a header that lacks a required column or one the mapping names."""
        mapping = reading.options.mapping
        delimiter = (mapping and mapping.delimiter) or delimiter_of(head)
        header = header_of(head, delimiter)
        check_header(header, reading)
        mapped = {} if mapping is None else {**mapping.constants, **mapping.columns}
        if mapping is not None:
            require_paths(mapping, header, reading.source.path)
        for column in EVENT_COLUMNS.values():
            if column.required and column.name not in header and column.name not in mapped:
                raise InputError(
                    f"{reading.source.path} has no column {column.name!r}",
                    hint=f"name it in a mapping file; it has: {', '.join(header[:30])}",
                )

    def batches(self, reading: Reading) -> Iterator[pa.RecordBatch]:
        """Yield canonical batches."""
        rows = (row for item in csv_items(reading, opened(reading)) for row in _rows(item, reading))
        return record_batches(reading, rows)


def _rows(item: Item, reading: Reading) -> Iterable[Row]:
    mapping = reading.options.mapping
    if mapping is None or "prompt" not in mapping.columns:
        # CSV cannot tell an empty prompt from none; the column is there, so it is empty
        item.value.setdefault("prompt", "")
    return canonical_rows(item)
