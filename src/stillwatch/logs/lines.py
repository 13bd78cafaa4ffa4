r"""Text to lines and JSON values, without trusting it.

Three shapes are told apart by looking at the beginning: JSON lines, a JSON array, and
pretty-printed documents one after another. Rules: a line that cannot be parsed never takes its
neighbours along; a value longer than the limit is refused without being held in memory; a
byte order mark, ``\\r\\n`` and blank lines are no one's fault.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, Final, NamedTuple

import orjson

from stillwatch.logs import lenient
from stillwatch.logs.interface import Reading
from stillwatch.logs.limits import Limits
from stillwatch.logs.pieces import Piece, split_lines, split_values
from stillwatch.logs.streams import BOM, chunks


class Item(NamedTuple):
    """A JSON object of a log, where it stood and as it was written."""

    line: int
    raw: bytes
    value: dict[str, Any]


class Opened(NamedTuple):
    """A source of text with its beginning already looked at."""

    head: bytes
    parts: Iterator[bytes]
    """Everything, the beginning included."""
    lines: bool = False
    """Whether it is JSON lines, if it is JSON at all."""


def opened(reading: Reading) -> Opened:
    """Open a source of text and look at its beginning."""
    head, rest = peek(chunks(reading), reading.options.limits.head_bytes)
    source = reading.source
    whole_lines = source.held is not None or source.part is not None  # whatever they begin with
    return Opened(head, chain((head,), rest), whole_lines or is_json_lines(head))


def looks_like_json(head: bytes) -> bool:
    """Tell JSON of any shape from other text."""
    return head.lstrip()[:1] in (b"{", b"[") or _STAMP.match(head) is not None


def keys_in(head: bytes, names: Iterable[str]) -> int:
    """Count the names that are keys of JSON objects in the beginning of a file.

    A text that a customer sent cannot pass for a key: its quotes are escaped, and no colon follows.
    """
    return sum(re.search(rb'"%s"\s*:' % name.encode(), head) is not None for name in names)


def json_items(reading: Reading, text: Opened) -> Iterator[Item]:
    """Yield the JSON objects of a source; what is none goes to quarantine."""
    split = split_lines if text.lines else split_values
    return objects(reading, split(text.parts, reading.options.limits))


def objects(reading: Reading, pieces: Iterable[Piece]) -> Iterator[Item]:
    """Parse pieces; what is no JSON object goes to quarantine."""
    for piece in pieces:
        if piece.problem:
            reading.reject(piece.line, piece.problem, piece.raw)
            continue
        try:
            value = _loads(piece.raw)
        except ValueError as error:
            reading.reject(piece.line, f"not JSON ({error})", piece.raw)
            continue
        if isinstance(value, dict):
            yield Item(piece.line, piece.raw, value)
        else:
            reading.reject(piece.line, "not a JSON object", piece.raw)


def peek(parts: Iterator[bytes], size: int) -> tuple[bytes, Iterator[bytes]]:
    """Take at least ``size`` bytes off the beginning, without a byte order mark."""
    head = b""
    for part in parts:
        head += part
        if len(head) >= size:
            break
    return head.removeprefix(BOM), parts


def is_json_lines(head: bytes) -> bool:
    """Tell JSON lines from an array or pretty-printed documents.

    In JSON lines an object stands alone on an unindented line; in an array of such lines all
    but the last end with a comma.
    """
    first = head.lstrip()[:1]
    lines = head.split(b"\n")
    if len(lines) > 1:
        lines.pop()  # cut off, or empty after the last newline
    lines = [line.rstrip() for line in lines if line.strip()]
    if len(lines) == 1:
        # some delivery streams put objects one after another without anything between
        return first != b"[" and (b"}{" not in head or _is_object(lines[0]))
    alone = sum(_is_object(line) for line in lines)
    listed = sum(_is_object(line[:-1]) for line in lines if line.endswith(b","))
    if first == b"[":
        return alone > 1 + listed
    return alone > listed or first != b"{"


def unwrapped(item: Item) -> Iterable[Item]:
    """Return the records of a document that only wraps them, as an API answers or an export is."""
    for key in _WRAPPERS:
        inner = item.value.get(key)
        if isinstance(inner, list) and inner and all(isinstance(each, dict) for each in inner):
            return (Item(item.line, lenient.dumps(each), each) for each in inner)
    return (item,)


_WRAPPERS: Final = (
    "records",
    "Records",
    "data",
    "events",
    "logEvents",
    "logs",
    "items",
    "results",
    "requests",
    "rows",
)
_STAMP: Final = re.compile(rb"\s*\d{4}-\d\d-\d\d[T ][\d:.,]{8,20}(Z|[+-]\d\d:?\d\d)?[ \t]+(?=\{)")
"""What CloudWatch puts in front of each line that it exports."""


def _loads(raw: bytes) -> Any:
    try:
        return lenient.loads(raw)
    except ValueError:
        stamp = _STAMP.match(raw)
        if stamp is None:
            raise
    return lenient.loads(raw[stamp.end() :])


def sample(head: bytes, most: int = 50) -> list[dict[str, Any]]:
    """Return the first objects that can be read in the beginning of a file."""
    limits = Limits()
    split = split_lines if is_json_lines(head) else split_values
    found: list[dict[str, Any]] = []
    for piece in split((head,), limits):
        if len(found) >= most:
            break
        try:
            value = None if piece.problem else _loads(piece.raw)
        except ValueError:
            continue
        if isinstance(value, dict) and value:
            found.append(value)
    return found


def _is_object(line: bytes) -> bool:
    if line[:1] != b"{":
        return False
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return isinstance(value, dict) and bool(value)
