"""Bytes of a file at a place, whether it is plain or packed, and what tells one file from another.

A log that is rotated is renamed, copied, truncated and packed by others while it is read. So a
file is known by what was read of it: its first bytes, and those before the position. The inode
is only the quick way, for numbers are used again.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from stillwatch.errors import InputError
from stillwatch.logs.interface import Reading, ReadOptions, Source, Tally
from stillwatch.logs.quarantine import Quarantine
from stillwatch.logs.streams import chunks, compression_of


class Handle(Protocol):
    """An open file."""

    def read(self, offset: int, size: int) -> bytes:
        """Up to ``size`` bytes at ``offset``; fewer only at the end."""

    def size(self) -> int:
        """Bytes there are at present, as far as that is known."""

    def quiet(self, now: float) -> float:
        """Seconds since something was written to it."""

    def close(self) -> None:
        """Close it."""


class Plain:
    """A file as it is."""

    def __init__(self, path: Path) -> None:
        """Open it. Raises ``OSError``."""
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        status = os.fstat(self._fd)
        self.node = (status.st_dev, status.st_ino)

    def read(self, offset: int, size: int) -> bytes:
        """See ``Handle``."""
        parts = []
        while size > 0 and (part := os.pread(self._fd, size, offset)):
            parts.append(part)
            offset += len(part)
            size -= len(part)
        return b"".join(parts)

    def size(self) -> int:
        """See ``Handle``."""
        return os.fstat(self._fd).st_size

    def quiet(self, now: float) -> float:
        """See ``Handle``."""
        return now - os.fstat(self._fd).st_mtime

    def close(self) -> None:
        """See ``Handle``."""
        os.close(self._fd)


class Packed:
    """A packed file, unpacked as it is read; going back begins anew."""

    def __init__(self, path: Path, kind: str) -> None:
        """Open it. Raises ``OSError``."""
        status = path.stat()
        self.node = (status.st_dev, status.st_ino)
        self._path, self._kind, self._bytes = path, kind, status.st_size
        self._at = 0
        self._held = b""
        self._parts = self._unpacked()

    def read(self, offset: int, size: int) -> bytes:
        """See ``Handle``."""
        if offset < self._at:
            self._at, self._held, self._parts = 0, b"", self._unpacked()
        while self._at + len(self._held) < offset + size and (part := next(self._parts, b"")):
            self._held += part
            passed = min(max(0, offset - self._at), len(self._held))
            self._at, self._held = self._at + passed, self._held[passed:]
        start = offset - self._at
        return self._held[start : start + size]

    def size(self) -> int:
        """See ``Handle``: what is unpacked is not known before its end."""
        return self._at + len(self._held)

    def quiet(self, now: float) -> float:
        """See ``Handle``: who packs a file writes no more to it."""
        return now - self._path.stat().st_mtime

    def close(self) -> None:
        """See ``Handle``."""
        self._parts = iter(())

    def _unpacked(self) -> Iterator[bytes]:
        source = Source(str(self._path), "", self._bytes, self._kind)
        return chunks(Reading(source, ReadOptions(), Quarantine(None), Tally()))


def opened(path: Path) -> Plain | Packed:
    """Open a file, plain or packed. Raises ``OSError``."""
    with path.open("rb") as file:
        kind = compression_of(file)
    return Packed(path, kind) if kind else Plain(path)


@dataclass(frozen=True, slots=True)
class Print:
    """SHA-256 of some bytes of a file: ``size`` of them, ending at ``end``."""

    size: int
    end: int
    digest: str

    @classmethod
    def of(cls, handle: Handle, size: int, end: int) -> "Print":
        """Of at most ``size`` bytes before ``end``."""
        size = min(size, end)
        return cls(size, end, digest_of(handle.read(end - size, size)))

    def holds(self, handle: Handle) -> bool:
        """Whether a file has these bytes there."""
        try:
            found = handle.read(self.end - self.size, self.size)
        except (OSError, InputError):
            return False
        return len(found) == self.size and digest_of(found) == self.digest

    def record(self) -> list[int | str]:
        """As JSON."""
        return [self.size, self.end, self.digest]


def digest_of(data: bytes) -> str:
    """SHA-256 in hex, cut to 128 bits: nobody forges his own log."""
    return hashlib.sha256(data).hexdigest()[:32]
