"""JSON with the canonical column names, or others named by a mapping.

One object per line; an array of objects, pretty-printed objects or a document that wraps an
array of them are read too. Lines are
parsed in blocks; a block with a bad line is read again line by line, so that the line is found
and its neighbours are kept. Arrow's own JSON parser would be faster but ends the process on
some malformed lines (``null`` with an explicit schema), which a log from outside may hold.

>>> JsonlFormat().sniff(b'{"event_id": "a", "account_id": "b"}', "x") > 0.5
True
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

import orjson
import pyarrow as pa

from stillwatch.logs.assemble import assemble
from stillwatch.logs.interface import Reading, Source
from stillwatch.logs.lines import (
    Item,
    is_json_lines,
    json_items,
    keys_in,
    looks_like_json,
    objects,
    opened,
    sample,
    unwrapped,
)
from stillwatch.logs.mapping import lookup
from stillwatch.logs.pieces import split_lines
from stillwatch.logs.ranges import ranges
from stillwatch.logs.records import Row, canonical_rows, check_sample, record_batches
from stillwatch.logs.schema import ENOUGH, REQUIRED
from stillwatch.logs.streams import is_recoded

_BLOCK: Final = 8 << 20
"""Bytes parsed at once: many lines, yet small against a batch's limit."""


@dataclass(frozen=True, slots=True)
class JsonlFormat:
    """Reads JSON objects whose keys are the canonical names."""

    name: str = "jsonl"

    def sniff(self, head: bytes, name: str) -> float:
        """Recognise the canonical names; any other JSON is a guess that needs a mapping."""
        del name
        if not looks_like_json(head):
            return 0.0
        return 0.8 if keys_in(head, REQUIRED) >= ENOUGH else 0.2

    def check(self, reading: Reading, head: bytes) -> None:
        """Refuse a file whose first records lack a required column."""
        items = (Item(0, b"", value) for value in sample(head))
        check_sample(reading, list(_rows(reading, items)))

    def batches(self, reading: Reading) -> Iterator[pa.RecordBatch]:
        """Yield canonical batches."""
        text = opened(reading)
        if reading.options.mapping is not None or not text.lines:
            return _rowwise(reading, json_items(reading, text))
        return _quickly(reading, text.parts)

    def divided(self, reading: Reading, head: bytes, most: int) -> list[Source]:
        """Ranges of bytes, if every line stands alone and can be found without what is before."""
        if not is_json_lines(head) or is_recoded(reading.source):
            return [reading.source]
        return ranges(reading.source, most)


def _rowwise(reading: Reading, items: Iterable[Item]) -> Iterator[pa.RecordBatch]:
    return record_batches(reading, _rows(reading, items))


def _rows(reading: Reading, items: Iterable[Item]) -> Iterator[Row]:
    for item in items:
        for each in (item,) if _is_event(reading, item.value) else unwrapped(item):
            yield from canonical_rows(each)


def _is_event(reading: Reading, value: dict[str, Any]) -> bool:
    mapping = reading.options.mapping
    where = mapping.columns.get("event_id") if mapping else None
    return lookup(value, where.path if where else "event_id") is not None


def _quickly(reading: Reading, parts: Iterable[bytes]) -> Iterator[pa.RecordBatch]:
    limits = reading.options.limits
    for first, block in _blocks(parts, limits.line_bytes):
        values = _parsed(block, limits.line_bytes)
        if values is None or (len(values) == 1 and not _is_event(reading, values[0])):
            pieces = split_lines((block,), limits, first)
            yield from _rowwise(reading, objects(reading, pieces))
        else:
            yield from _canonical(reading, values, block, first)


def _blocks(parts: Iterable[bytes], line_bytes: int) -> Iterator[tuple[int, bytes]]:
    """Yield whole lines in large blocks, each with the number of its first line."""
    line, carry, size, dropping = 1, [], 0, False  # type: int, list[bytes], int, bool
    for part in parts:
        if dropping:
            _, newline, part = part.partition(b"\n")  # noqa: PLW2901
            dropping = not newline
        end = part.rfind(b"\n") + 1
        if end and size + end >= _BLOCK:
            block = b"".join([*carry, part[:end]])
            yield line, block
            line += block.count(b"\n")
            carry, size = [], 0
            part = part[end:]  # noqa: PLW2901
        carry.append(part)
        size += len(part)
        if size > line_bytes + _BLOCK:
            # no line end in sight: hand on enough to be refused as too long, forget the rest
            block = b"".join(carry)
            cut = block.rfind(b"\n") + 1
            if len(block) - cut > line_bytes:
                yield line, block[: cut + line_bytes + 1]
                line += block.count(b"\n") + 1
                carry, size, dropping = [], 0, True
    yield line, b"".join(carry)


def _parsed(block: bytes, longest: int) -> list[dict[str, Any]] | None:
    """Parse a block of lines at once; ``None`` unless every line is one strict JSON object."""
    lines = block.removesuffix(b"\n").split(b"\n")
    if max(map(len, lines)) > longest:
        return None
    try:
        values = list(map(orjson.loads, lines))
    except orjson.JSONDecodeError:
        return None
    return values if set(map(type, values)) == {dict} else None


def _canonical(
    reading: Reading, values: list[dict[str, Any]], block: bytes, first: int
) -> Iterator[pa.RecordBatch]:
    most = reading.options.batch_rows
    for start in range(0, len(values), most):
        part = values[start : start + most]

        def place(index: int, start: int = start) -> tuple[int, bytes]:
            return first + start + index, block.split(b"\n")[start + index]

        columns = {column.name: _cells(part, column.name) for column in reading.wanted}
        prompts = columns["prompt"]
        if any(isinstance(prompt, list | dict) for prompt in prompts or ()):
            lines = block.split(b"\n")[start:]
            items = (Item(first + start + n, lines[n], value) for n, value in enumerate(part))
            yield from _rowwise(reading, items)
            continue
        yield assemble(reading, columns, len(part), place)


def _cells(values: list[dict[str, Any]], name: str) -> list[Any] | None:
    """Return one column; ``None`` if no object has it."""
    try:
        return list(map(itemgetter(name), values))
    except KeyError:
        cells = [value.get(name) for value in values]
    return None if set(map(type, cells)) == {type(None)} else cells
