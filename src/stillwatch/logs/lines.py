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
from stillwatch.logs.streams import BOM, chunks

_TOKEN: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["{}\[\]]', re.DOTALL)
_RESYNC: Final = re.compile(rb"\n\s*(\{)")
_ENOUGH_LINES: Final = 5
"""One line in five that is an object makes JSON lines, however much garbage is between."""


class Piece(NamedTuple):
    """A line or a JSON value as written."""

    line: int
    raw: bytes
    problem: str | None = None


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


def opened(reading: Reading) -> Opened:
    """Open a source of text and look at its beginning."""
    head, rest = peek(chunks(reading), reading.options.limits.head_bytes)
    return Opened(head, chain((head,), rest))


def looks_like_json(head: bytes) -> bool:
    """Tell JSON of any shape from other text."""
    return head.lstrip()[:1] in (b"{", b"[")


def json_items(reading: Reading, text: Opened) -> Iterator[Item]:
    """Yield the JSON objects of a source; what is none goes to quarantine."""
    split = split_lines if is_json_lines(text.head) else split_values
    return objects(reading, split(text.parts, reading.options.limits))


def objects(reading: Reading, pieces: Iterable[Piece]) -> Iterator[Item]:
    """Parse pieces; what is no JSON object goes to quarantine."""
    for piece in pieces:
        if piece.problem:
            reading.reject(piece.line, piece.problem, piece.raw)
            continue
        try:
            value = lenient.loads(piece.raw)
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
    """Tell JSON lines from an array or pretty-printed documents."""
    if head.lstrip()[:1] == b"[":
        return False
    lines = head.split(b"\n")
    if len(lines) > 1:
        lines.pop()  # cut off, or empty after the last newline
    lines = [line for line in lines if line.strip()]
    if len(lines) == 1:
        return True
    return _ENOUGH_LINES * sum(map(_is_object, lines)) >= len(lines)


def sample(head: bytes, most: int = 50) -> list[dict[str, Any]]:
    """Return the first objects that can be read in the beginning of a file."""
    limits = Limits()
    split = split_lines if is_json_lines(head) else split_values
    found: list[dict[str, Any]] = []
    for piece in split((head,), limits):
        if len(found) >= most:
            break
        try:
            value = None if piece.problem else lenient.loads(piece.raw)
        except ValueError:
            continue
        if isinstance(value, dict) and value:
            found.append(value)
    return found


def split_lines(parts: Iterable[bytes], limits: Limits, first: int = 1) -> Iterator[Piece]:
    """Yield non-blank lines; one that is too long comes shortened and with a problem."""
    number, carry, dropped = first, b"", False
    for part in chain(parts, (None,)):
        lines = [carry, b""] if part is None else (carry + part).split(b"\n")
        carry = lines.pop()
        for line in lines:
            if dropped or len(line) > limits.line_bytes:
                short = line[: limits.quarantine_bytes]
                yield Piece(number, short, f"line longer than {limits.line_bytes} bytes")
                dropped = False
            elif line.strip():
                yield Piece(number, line)
            number += 1
        if len(carry) > limits.line_bytes:
            # keep the beginning for the quarantine; forget the rest as it comes
            carry, dropped = carry[: limits.quarantine_bytes], True


def split_values(parts: Iterable[bytes], limits: Limits) -> Iterator[Piece]:
    """Yield the elements of a JSON array, or JSON documents one after another."""
    return _ValueSplitter(limits).pieces(parts)


class _ValueSplitter:
    """Finds where each value ends by counting brackets outside strings."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._buffer = b""
        self._line = 1
        self._scan = 0
        self._start: int | None = None
        self._depth = 0

    def pieces(self, parts: Iterable[bytes]) -> Iterator[Piece]:
        for part in parts:
            self._buffer += part
            yield from self._complete()
            if self._start is not None and len(self._buffer) > self._limits.document_bytes:
                yield self._give_up(f"value longer than {self._limits.document_bytes} bytes")
        while self._start is not None:
            yield self._give_up("value without an end")
            yield from self._complete()

    def _complete(self) -> Iterator[Piece]:
        """Yield the values that end within the buffer, then forget their bytes."""
        while (token := _TOKEN.search(self._buffer, self._scan)) is not None:
            byte = token[0]
            if byte == b'"':
                if self._start is not None:
                    self._scan = token.start()
                    break  # a string that is not closed yet
            elif byte == b"{" or (byte == b"[" and self._start is not None):
                if self._start is None:
                    self._start = token.start()
                self._depth += 1
            elif byte in b"}]" and self._start is not None:
                self._depth -= 1
                if self._depth == 0:
                    yield self._cut(token.end())
                    continue
            self._scan = token.end()
        else:
            self._scan = len(self._buffer)
        if self._start is None:
            self._forget(self._scan)
        elif self._start > 0:
            self._forget(self._start)

    def _cut(self, end: int) -> Piece:
        start = self._start or 0
        raw = self._buffer[start:end]
        piece = Piece(self._line + self._buffer.count(b"\n", 0, start), raw)
        self._start = None
        self._scan = end
        if not _is_json(raw):
            # brackets that happen to match: look for a whole value inside before passing over it
            inner = _RESYNC.search(raw, 1)
            self._scan = end if inner is None else start + inner.start(1)
        self._forget(self._scan)
        return piece

    def _give_up(self, problem: str) -> Piece:
        """Pass over a broken value: go on at the next line that opens an object."""
        start = self._start or 0
        after = _RESYNC.search(self._buffer, start + 1)
        end = len(self._buffer) if after is None else after.start(1)
        line = self._line + self._buffer.count(b"\n", 0, start)
        piece = Piece(line, self._buffer[start : start + self._limits.quarantine_bytes], problem)
        self._start, self._depth, self._scan = None, 0, end
        self._forget(end)
        return piece

    def _forget(self, end: int) -> None:
        self._line += self._buffer.count(b"\n", 0, end)
        self._buffer = self._buffer[end:]
        self._scan = max(self._scan - end, 0)
        if self._start is not None:
            self._start -= end


def _is_json(raw: bytes) -> bool:
    try:
        orjson.loads(raw)
    except orjson.JSONDecodeError:
        try:
            lenient.loads(raw)
        except ValueError:
            return False
    return True


def _is_object(line: bytes) -> bool:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return isinstance(value, dict) and bool(value)
