"""CSV text to records, without letting one stray quote swallow the file.

A quoted field may span lines, so a stray quote could turn the rest of a file into one field.
Rule: lines are joined only while quotes are open and only if the joined record has the
header's width; otherwise the first line alone is bad and reading goes on at the next one.
Source: RFC 4180, "Common Format and MIME Type for CSV Files".
"""

import csv
from collections import Counter, deque
from collections.abc import Iterator
from itertools import islice

from stillwatch.errors import InputError
from stillwatch.logs.interface import Reading, Tally
from stillwatch.logs.lines import (
    Item,
    Opened,
    json_items,
    looks_like_json,
    opened,
    sample,
)
from stillwatch.logs.pieces import Piece, split_lines
from stillwatch.logs.quarantine import Quarantine

DELIMITERS = (",", ";", "\t", "|")


def delimiter_of(head: bytes) -> str:
    """Tell the delimiter from the header line: the one that occurs most."""
    header = _header_line(head)
    return max(DELIMITERS, key=header.count)


def header_of(head: bytes, delimiter: str) -> list[str]:
    """Return the names in the header line; none if it is no CSV header."""
    text = _header_line(head)
    try:
        return [name.strip() for name in next(csv.reader([text], delimiter=delimiter), [])]
    except csv.Error:
        return []


def text_items(reading: Reading) -> Iterator[Item]:
    """Yield the records of a source that may be JSON or CSV."""
    text = opened(reading)
    return (json_items if looks_like_json(text.head) else csv_items)(reading, text)


def sample_items(reading: Reading, head: bytes, most: int = 50) -> list[Item]:
    """Return the first records in the beginning of a JSON or CSV file, quarantining nothing."""
    if looks_like_json(head):
        return [Item(0, b"", value) for value in sample(head, most)]
    unseen = Reading(reading.source, reading.options, Quarantine(None), Tally())
    whole = head[: head.rfind(b"\n") + 1] or head
    return list(islice(csv_items(unseen, Opened(whole, iter((whole,)))), most))


def csv_items(reading: Reading, text: Opened) -> Iterator[Item]:
    """Yield the records of a source by column name; empty fields are absent."""
    limits = reading.options.limits
    csv.field_size_limit(limits.line_bytes)
    mapping = reading.options.mapping
    delimiter = (mapping and mapping.delimiter) or delimiter_of(text.head)
    header = header_of(text.head, delimiter)
    pieces = split_lines(text.parts, limits, blank=True)
    next((piece for piece in pieces if piece.raw.strip()), None)  # the header
    for piece, fields in _Records(reading, delimiter, len(header), pieces):
        value = {name: field for name, field in zip(header, fields, strict=True) if field != ""}
        yield Item(piece.line, piece.raw, value)


def check_header(header: list[str], reading: Reading) -> None:
    """Refuse a header with too many or repeated names."""
    limits = reading.options.limits
    if len(header) > limits.columns:
        raise InputError(
            f"{reading.source.path} has {len(header)} columns, more than {limits.columns}",
            hint="export only the columns of the request log",
        )
    # spreadsheets leave columns without a name behind
    twice = {name for name, times in Counter(header).items() if name and times > 1}
    if twice:
        raise InputError(
            f"{reading.source.path} has the column {min(twice)!r} twice",
            hint="give every column a name of its own",
        )


class _Records:
    """Iterates over ``(first line, fields)``; bad lines are rejected on the way."""

    def __init__(
        self, reading: Reading, delimiter: str, width: int, lines: Iterator[Piece]
    ) -> None:
        self._reading = reading
        self._delimiter = delimiter
        self._width = width
        self._lines = lines
        self._pushed: deque[Piece] = deque()

    def __iter__(self) -> Iterator[tuple[Piece, list[str]]]:
        while (piece := self._next()) is not None:
            if piece.problem:
                self._reading.reject(piece.line, piece.problem, piece.raw)
                continue
            if not piece.raw.strip():
                continue
            joined = self._joined(piece) if piece.raw.count(b'"') % 2 else None
            if joined is not None:
                yield joined
            elif (fields := self._fields(piece.raw)) is not None:
                yield piece, fields
            else:
                self._reading.reject(piece.line, self._problem(piece.raw), piece.raw)

    def _next(self) -> Piece | None:
        return self._pushed.popleft() if self._pushed else next(self._lines, None)

    def _joined(self, first: Piece) -> tuple[Piece, list[str]] | None:
        """Join lines until the quotes close; give them back if that makes no record."""
        limits = self._reading.options.limits
        parts, taken, size = [first.raw], [], len(first.raw)
        while len(parts) < limits.record_lines and size <= limits.line_bytes:
            piece = self._next()
            if piece is None:
                break
            taken.append(piece)
            if piece.problem:
                break
            parts.append(piece.raw)
            size += len(piece.raw)
            if piece.raw.count(b'"') % 2:
                raw = b"\n".join(parts)
                fields = self._fields(raw)
                if fields is not None:
                    return Piece(first.line, raw), fields
                break
        self._pushed.extendleft(reversed(taken))
        return None

    def _fields(self, raw: bytes) -> list[str] | None:
        try:
            text = raw.decode("utf-8").removesuffix("\r")
            fields = next(csv.reader([text], delimiter=self._delimiter, strict=True), [])
        except (UnicodeDecodeError, csv.Error):
            return None
        return fields if len(fields) == self._width else None

    def _problem(self, raw: bytes) -> str:
        try:
            text = raw.decode("utf-8").removesuffix("\r")
            count = len(next(csv.reader([text], delimiter=self._delimiter, strict=True), []))
        except UnicodeDecodeError:
            return "not UTF-8"
        except csv.Error as error:
            return f"not CSV ({error})"
        return f"wrong number of fields ({count} instead of {self._width})"


def _header_line(head: bytes) -> str:
    return (
        next((line for line in head.split(b"\n") if line.strip()), b"")
        .decode("utf-8", "replace")
        .strip("\r")
    )
