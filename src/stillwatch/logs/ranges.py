"""Ranges of a text file, for several readers at once.

Rules: a line belongs to the range in which it begins, so ranges that touch give every line
once. A range starts looking one byte early: where that byte ends a line, the range begins with
one. Only what is not packed and not UTF-16 can be divided: elsewhere a byte says nothing about
where a line begins.

>>> source = Source("a.jsonl", "jsonl", 250, None)
>>> [tuple(each.part) for each in ranges(source, 100)]
[(0, 84), (84, 167), (167, 250)]
"""

import io
from dataclasses import replace
from typing import Any, Final

from stillwatch.logs import stores
from stillwatch.logs.interface import Part, Source, Tally

_STEP: Final = 1 << 16
"""Bytes looked at when a line's end is sought."""


def ranges(source: Source, most: int) -> list[Source]:
    """The source in about equal ranges of at most ``most`` bytes; itself where it is not larger."""
    seekable = not source.remote or stores.covers(source.path)
    if source.bytes <= most or source.compression or not seekable:
        return [source]
    number = -(-source.bytes // most)
    cuts = [-(-source.bytes * n // number) for n in range(number + 1)]
    parts = map(Part, cuts, cuts[1:])
    return [replace(source, bytes=part.last - part.first, part=part) for part in parts]


class Lines(io.RawIOBase):
    """The lines of a seekable binary file that begin in a range; counts their ends in ``tally``."""

    def __init__(self, file: Any, part: Part, tally: Tally) -> None:
        self._file = file
        self._last = part.last
        self._tally = tally
        self._at = part.first
        self._rest = b""
        """What was read beyond the end of the line that was sought."""
        self._open = True  # the last byte handed out did not end a line
        if part.first:
            self._find_line(part.first - 1)

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: object) -> int:
        """Read as ``io.RawIOBase`` does, to the end of the last line that began in the range."""
        target = memoryview(buffer)  # type: ignore[arg-type]  # io says object and means a buffer
        data = self._next(len(target))
        if self._at + len(data) > self._last:
            data = self._cut(data)
        self._rest = self._rest[len(data) :]
        self._at += len(data)
        self._open = not data.endswith(b"\n")
        self._tally.lines += data.count(b"\n")
        target[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the file underneath."""
        self._file.close()
        super().close()

    def _next(self, size: int) -> bytes:
        """The next bytes, at most ``size``; they stay in ``_rest`` until they are handed out."""
        if self._at >= self._last and not self._open:
            return b""
        if not self._rest:
            self._rest = self._file.read(min(size, _STEP) if self._at >= self._last else size)
        return self._rest[:size]

    def _cut(self, data: bytes) -> bytes:
        """What of the next bytes still belongs to the range: to the end of the line it ends in."""
        inside = max(self._last - self._at, 0)
        if inside and data[inside - 1 : inside] == b"\n":
            return data[:inside]
        end = data.find(b"\n", inside)
        return data if end < 0 else data[: end + 1]

    def _find_line(self, start: int) -> None:
        self._file.seek(start)
        at = start
        while piece := self._file.read(_STEP):
            end = piece.find(b"\n") + 1
            if end:
                self._at, self._rest, self._open = at + end, piece[end:], False
                return
            at += len(piece)
        self._at, self._open = max(at, self._last), False
