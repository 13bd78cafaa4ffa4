"""Bytes to lines and to JSON values, in one pass and without trusting them.

Values are found by counting brackets outside strings. A value whose brackets do not match could
swallow all that follows, so from the first broken one on the splitter is wary: a line that
opens an object no deeper than the current value began ends that value as broken. In a sound
file that never happens to a pretty-printed value, and a compact one is on one line.

>>> [piece.raw for piece in split_values([b'[{"a": 1}, {"b', b'": 2}]'], Limits())]
[b'{"a": 1}', b'{"b": 2}']
"""

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final, NamedTuple

from stillwatch.logs import lenient
from stillwatch.logs.limits import Limits

_TOKEN: Final = re.compile(rb'\n[ \t]*(?=\{)|"(?:[^"\\\n]++|\\.)*+"|["{}\[\]]')
_OPENING: Final = re.compile(rb"\n([ \t]*)(?=\{)")


class Piece(NamedTuple):
    """A line or a JSON value as written."""

    line: int
    raw: bytes
    problem: str | None = None


def split_lines(
    parts: Iterable[bytes], limits: Limits, first: int = 1, *, blank: bool = False
) -> Iterator[Piece]:
    """Yield lines, blank ones if asked; one too long comes shortened and with a problem."""
    number, carry, dropped = first, b"", False
    for part in chain(parts, (None,)):
        lines = [carry, b""] if part is None else (carry + part).split(b"\n")
        carry = lines.pop()
        for line in lines:
            if dropped or len(line) > limits.line_bytes:
                short = line[: limits.quarantine_bytes]
                yield Piece(number, short, f"line longer than {limits.line_bytes} bytes")
                dropped = False
            elif blank or line.strip():
                yield Piece(number, line)
            number += 1
        if len(carry) > limits.line_bytes:
            # keep the beginning for the quarantine; forget the rest as it comes
            carry, dropped = carry[: limits.quarantine_bytes], True


def split_values(parts: Iterable[bytes], limits: Limits) -> Iterator[Piece]:
    """Yield the elements of a JSON array, or JSON documents one after another."""
    return _ValueSplitter(limits).pieces(parts)


class _ValueSplitter:
    """Finds where each value ends; holds the current value's bytes and no more."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._buffer = b""
        self._line = 1
        self._scan = 0
        self._start: int | None = None
        self._indent = 0
        self._depth = 0
        self._wary = False
        self._column = 0
        """Bytes of the current line that were forgotten already."""

    def pieces(self, parts: Iterable[bytes]) -> Iterator[Piece]:
        for part in parts:
            self._buffer += part
            yield from self._complete(last=False)
            if self._start is not None and len(self._buffer) > self._limits.document_bytes:
                yield self._give_up(f"value longer than {self._limits.document_bytes} bytes")
        yield from self._complete(last=True)
        while self._start is not None:
            yield self._give_up("value without an end")
            yield from self._complete(last=True)

    def _complete(self, *, last: bool) -> Iterator[Piece]:
        """Yield the values that end within the buffer, then forget their bytes."""
        while (token := _TOKEN.search(self._buffer, self._scan)) is not None:
            text = token[0]
            if text == b'"' and not last and b"\n" not in self._buffer[token.end() :]:
                self._scan = token.start()
                if (
                    self._start is not None
                    and len(self._buffer) > self._scan + self._limits.line_bytes
                ):
                    yield self._give_up(f"text longer than {self._limits.line_bytes} bytes")
                break  # a string that may close in the next part
            self._scan = token.end()
            if text[:1] == b"\n":
                if self._wary and self._start is not None and len(text) - 1 <= self._indent:
                    yield self._broken(token.start(), "value without an end")
            elif text == b"{" or (text == b"[" and self._start is not None):
                self._open(token.start())
            elif text in (b"}", b"]") and self._start is not None:
                self._depth -= 1
                if self._depth == 0:
                    yield self._cut(token.end())
        else:
            # a line's indentation and its bracket are seen together or not at all
            self._scan = max(self._scan, len(self._buffer.rstrip(b" \t\n")))
        self._forget(self._scan if self._start is None else self._start)

    def _open(self, at: int) -> None:
        if self._start is None:
            self._start = at
            newline = self._buffer.rfind(b"\n", 0, at)
            self._indent = at - newline - 1 + (self._column if newline < 0 else 0)
        self._depth += 1

    def _cut(self, end: int) -> Piece:
        """Take a value whose brackets match; if it is no JSON, look again inside it."""
        start = self._start or 0
        raw = self._buffer[start:end]
        try:
            lenient.loads(raw)
        except ValueError:
            self._wary = True
            self._scan = self._next_opening(start, end)
        piece = Piece(self._line_at(start), raw)
        self._start, self._depth = None, 0
        return piece

    def _give_up(self, problem: str) -> Piece:
        """Pass over a value that has no end: go on at the next line that opens one like it."""
        self._wary = True
        start = self._start or 0
        return self._broken(self._next_opening(start, len(self._buffer)), problem)

    def _broken(self, end: int, problem: str) -> Piece:
        start = self._start or 0
        raw = self._buffer[start : min(end, start + self._limits.quarantine_bytes)]
        piece = Piece(self._line_at(start), raw, problem)
        self._start, self._depth, self._scan = None, 0, end
        return piece

    def _next_opening(self, start: int, end: int) -> int:
        for opening in _OPENING.finditer(self._buffer, start + 1, end):
            if len(opening[1]) <= self._indent:
                return opening.start()
        return end

    def _line_at(self, position: int) -> int:
        return self._line + self._buffer.count(b"\n", 0, position)

    def _forget(self, end: int) -> None:
        newline = self._buffer.rfind(b"\n", 0, end)
        self._column = end - newline - 1 + (self._column if newline < 0 else 0)
        self._line += self._buffer.count(b"\n", 0, end)
        self._buffer = self._buffer[end:]
        self._scan = max(self._scan - end, 0)
        if self._start is not None:
            self._start -= end
