"""One file of a log, read by whole lines from wherever reading stopped.

A line without an end waits for it. It is taken as it is only where nobody will finish it: in a
file that was rotated away, or, if it is a complete JSON object (which no beginning of a longer one
can be), when nobody will look again for long.
"""

import time
from pathlib import Path
from typing import Any, Self

import orjson

from stillwatch.logs import ReadOptions, Tally
from stillwatch.logs.lines import looks_like_json
from stillwatch.watch.blocks import Blocks
from stillwatch.watch.handles import Handle, Plain, Print
from stillwatch.watch.interface import Bad, Bounds, Position, Taken


class Part:
    """One file being read."""

    def __init__(
        self,
        path: Path,
        handle: Handle,
        options: ReadOptions,
        bounds: Bounds,
        position: Position | None = None,
    ) -> None:
        self.path = path
        self.handle = handle
        self._bounds, self._options = bounds, options
        said = position or {}
        self.offset: int = said.get("offset", 0)
        self._line: int = said.get("line", 1)
        self._skipping: bool = said.get("skipping", False)
        self._blocks = Blocks(str(path), options, said.get("format"))
        self._blocks.header = bytes.fromhex(said.get("header", ""))
        self.head = Print(*said["head"]) if "head" in said else Print.of(handle, 0, 0)
        self.tail = Print(*said["tail"]) if "tail" in said else Print.of(handle, 0, 0)

    @classmethod
    def at(cls, path: Path, options: ReadOptions, bounds: Bounds, position: Position) -> Self:
        """Go on in a plain file. Raises ``OSError``."""
        return cls(path, Plain(path), options, bounds, position)

    def position(self) -> Position:
        """Where to go on."""
        said: dict[str, Any] = {
            "path": str(self.path),
            "node": list(getattr(self.handle, "node", (0, 0))),
            "offset": self.offset,
            "line": self._line,
            "head": self.head.record(),
            "tail": self.tail.record(),
        }
        if self._blocks.format:
            said["format"] = self._blocks.format
        if self._blocks.header:
            said["header"] = self._blocks.header.hex()
        if self._skipping:
            said["skipping"] = True
        return said

    def same(self) -> bool:
        """Whether what was read still stands where it was read."""
        return self.head.holds(self.handle) and self.tail.holds(self.handle)

    def backlog(self) -> int:
        """Bytes that were not taken."""
        return max(0, self.handle.size() - self.offset)

    def take(self, *, last: bool = False, gone: bool = False) -> Taken | None:
        """The next block. ``gone``: nobody will finish a last line."""
        data = self.handle.read(self.offset, self._bounds.block_bytes)
        whole = len(data) < self._bounds.block_bytes
        if self._skipping:
            return self._skip(data) if data else None
        cut = self._cut(data)
        if not cut and not whole:
            data = self.handle.read(self.offset, self._options.limits.line_bytes + 1)
            if (cut := self._cut(data)) == 0 and len(data) > self._options.limits.line_bytes:
                return self._too_long(data)
        if not cut and data and (gone or (last and _complete(data))):
            cut = len(data)
        return self._block(data[:cut]) if cut else None

    def _cut(self, data: bytes) -> int:
        """Where the last whole line ends; in a table of text, the last whole record."""
        cut = data.rfind(b"\n") + 1
        if not self._blocks.header and (self._blocks.format or looks_like_json(data)):
            return cut
        end, odd = cut, data.count(b'"', 0, cut) % 2
        while odd and end:
            start = data.rfind(b"\n", 0, end - 1) + 1
            odd ^= data.count(b'"', start, end) % 2
            end = start
        if end or not cut:
            return end
        # a quote that nobody closes must not hold up all that follows
        stray = data.count(b"\n") >= self._options.limits.record_lines
        old = self.handle.quiet(time.time()) >= self._bounds.retire_s
        return cut if stray or old else 0

    def _block(self, block: bytes) -> Taken:
        batches, bad, tally = self._blocks.read(block, self._line)
        return Taken(batches, lambda: self._moved(block), bad, tally, len(block))

    def _moved(self, block: bytes) -> None:
        self.offset += len(block)
        self._line += block.count(b"\n") + (not block.endswith(b"\n"))
        if self.head.size < self._bounds.head_bytes:
            self.head = Print.of(
                self.handle, size := min(self.offset, self._bounds.head_bytes), size
            )
        self.tail = Print.of(self.handle, self._bounds.tail_bytes, self.offset)

    def _too_long(self, data: bytes) -> Taken:
        limits = self._options.limits
        shown = data[: limits.quarantine_bytes].decode("utf-8", "replace")
        reason = f"line longer than {limits.line_bytes} bytes"
        return Taken(
            (), lambda: self._passed(data, skipping=True),
            (Bad(str(self.path), self._line, reason, shown),), Tally(bad=1), len(data),
        )  # fmt: skip

    def _skip(self, data: bytes) -> Taken:
        """Pass over the rest of a line that is too long."""
        end = data.find(b"\n") + 1
        passed = data[:end] if end else data
        return Taken((), lambda: self._passed(passed, skipping=not end), size=len(passed))

    def _passed(self, data: bytes, *, skipping: bool) -> None:
        self._moved(data)
        self._line -= skipping  # still the same line
        self._skipping = skipping

    def close(self) -> None:
        """Close the file."""
        self.handle.close()


def _complete(data: bytes) -> bool:
    try:
        return isinstance(orjson.loads(data), dict)
    except orjson.JSONDecodeError:
        return False
