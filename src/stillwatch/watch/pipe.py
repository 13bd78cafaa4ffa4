"""A pipe, usually standard input: JSON lines or a table of text, until the other end closes it.

A pipe cannot be read again: what was taken and is not on the disk yet is lost with the process,
at most what came since the last checkpoint. A file or a topic loses nothing.
"""

import os
import select
from collections.abc import Sequence
from typing import Final

from stillwatch.logs import ReadOptions, Tally
from stillwatch.watch.blocks import Blocks
from stillwatch.watch.interface import Bad, Bounds, Position, Taken

_CHUNK: Final = 1 << 16


class Pipe:
    """A source: an open file descriptor."""

    def __init__(
        self, fd: int, options: ReadOptions, bounds: Bounds, position: Position | None = None
    ) -> None:
        self._fd, self._options, self._bounds = fd, options, bounds
        self._blocks = Blocks(self.name, options)
        self._held: list[bytes] = []
        """Bytes that were read and not accepted."""
        self._size = 0
        self._line = 1
        self._skipping = False
        self._closed = False
        self._bytes = (position or {}).get("bytes", 0)

    @property
    def name(self) -> str:
        """See ``Source``."""
        return "-"

    @property
    def ended(self) -> bool:
        """See ``Source``."""
        return self._closed and not self._size

    def take(self, *, last: bool = False) -> Taken | None:
        """See ``Source``."""
        del last
        found = self._fill()
        data = b"".join(self._held)
        self._held = [data]
        cut = len(data) if self._closed else data.rfind(b"\n") + 1
        if self._skipping:
            end = data.find(b"\n") + 1 or len(data)
            return self._passed(end, skipping=not data[:end].endswith(b"\n")) if data else None
        if not cut and self._size > self._options.limits.line_bytes:
            return self._too_long(data)
        if not cut or not found:
            return None
        batches, bad, tally = self._blocks.read(data[:cut], self._line)
        return Taken(batches, lambda: self._moved(cut), bad, tally, cut)

    def position(self) -> Position:
        """See ``Source``: only to tell how much came."""
        return {"bytes": self._bytes}

    def durable(self) -> None:
        """See ``Source``: nobody hears of it."""

    def backlog(self) -> int:
        """See ``Source``: what the pipe holds is not known."""
        return self._size

    def remarks(self) -> Sequence[str]:
        """See ``Source``."""
        return ()

    def close(self) -> None:
        """See ``Source``: it was opened by another."""

    def _fill(self) -> bool:
        """Read what is there; whether there may be a whole line now."""
        found = self._closed and self._size > 0
        while self._size < self._bounds.block_bytes or self._held[-1].find(b"\n") < 0:
            if self._closed or self._size > self._options.limits.line_bytes:
                break
            if not select.select([self._fd], [], [], 0)[0]:
                break
            part = os.read(self._fd, _CHUNK)
            self._closed = not part
            self._held.append(part)
            self._size += len(part)
            found = found or self._closed or b"\n" in part
        return found or self._size >= self._bounds.block_bytes

    def _moved(self, size: int) -> None:
        data = b"".join(self._held)
        self._line += data.count(b"\n", 0, size)
        self._held = [data[size:]]
        self._size -= size
        self._bytes += size

    def _too_long(self, data: bytes) -> Taken:
        limits = self._options.limits
        shown = data[: limits.quarantine_bytes].decode("utf-8", "replace")
        bad = Bad(self.name, self._line, f"line longer than {limits.line_bytes} bytes", shown)
        passed = self._passed(len(data), skipping=True)
        return Taken((), passed.accept, (bad,), Tally(bad=1), len(data))

    def _passed(self, size: int, *, skipping: bool) -> Taken:
        def accept() -> None:
            self._moved(size)
            self._skipping = skipping

        return Taken((), accept, size=size)
