"""The memory that throttles share: one small mapped file, under record locks.

Rules
    * A file of another layout, or of another boot (times in it mean nothing now), is replaced.
    * Whoever finds that its file was cut off, removed or replaced goes to the one that lies there
      now, so that all stay together; a page that is gone would kill the process that touches it.
    * One mapping for all in a process: record locks are the process's, and closing a second
      descriptor would drop them.
"""

import errno
import fcntl
import mmap
import os
import struct
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, RLock
from typing import Final

_HEAD: Final = struct.Struct("<24s16sIIII")
_MAGIC: Final = b"stillwatch throttles 2\n\0"
DATA: Final = 4096
"""Where records begin."""
RATE: Final = struct.Struct("<16sdd")
"""Decision, theoretical arrival time, spare."""
LEASE: Final = struct.Struct("<8s8sd")
"""Begin of the decision's id, token, end. All zero: free."""
LEASE_S: Final = 600.0
MOST_LEASE_S: Final = 3600.0
"""Longest that a lease may last, whoever gave it: what says more is damaged."""
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Size:
    """Of the file; powers of two."""

    rates: int = 16_384
    leases: int = 65_536

    @property
    def bytes(self) -> int:
        """In all."""
        return DATA + self.rates * RATE.size + self.leases * LEASE.size


class Shared:
    """A mapped file with its lock."""

    def __init__(self, mapped: mmap.mmap, descriptor: int | None, key: tuple[int, int]) -> None:
        self.map = mapped
        self.users = 1
        self._descriptor, self._key, self._bytes = descriptor, key, len(mapped)
        self._lock = Lock()
        # one that was left for another goes when the last thread has let go of it
        self._let_go = None if descriptor is None else weakref.finalize(self, os.close, descriptor)
        _LIVE.add(self)

    @contextmanager
    def held(self, start: int, length: int) -> Iterator[None]:
        """Alone with these bytes, among threads and processes."""
        with self._lock:
            if self._descriptor is None:
                yield
                return
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX, length, start)
            try:
                yield
            finally:
                fcntl.lockf(self._descriptor, fcntl.LOCK_UN, length, start)

    def whole(self) -> bool:
        """Whether it still lies where others find it, and all of it."""
        if self._descriptor is None:
            return True
        status = os.fstat(self._descriptor)
        return status.st_nlink > 0 and status.st_size == self._bytes

    def leave(self) -> None:
        """Use it no more; others may be in it."""
        with _OPENING:
            self.users -= 1
            if not self.users:
                _SHARED.pop(self._key, None)

    def close(self) -> None:
        """Let go of it, if nobody else in this process uses it."""
        self.leave()
        if self.users:
            return
        self.map.close()
        if self._let_go is not None:
            self._let_go()

    def forked(self) -> None:
        """A thread of the parent may have held the lock when this child was made."""
        self._lock = Lock()


_OPENING = RLock()
_SHARED: dict[tuple[int, int], Shared] = {}
_LIVE: weakref.WeakSet[Shared] = weakref.WeakSet()


def _after_fork() -> None:
    for file in list(_LIVE):
        file.forked()


os.register_at_fork(after_in_child=_after_fork)


def anonymous(size: Size) -> Shared:
    """Memory of this process alone."""
    return Shared(mmap.mmap(-1, size.bytes), None, (0, 0))


def opened(path: Path, size: Size) -> tuple[Shared, bool]:
    """The file at a path, made where there is none; whether another one was replaced."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    guard = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        with _OPENING:
            fcntl.flock(guard, fcntl.LOCK_EX)
            replaced = path.exists() and not _fits(path, size)
            if replaced or not path.exists():
                _make(path, size)
            return _share(path, size), replaced
    finally:
        os.close(guard)


def _share(path: Path, size: Size) -> Shared:
    status = path.stat()
    key = status.st_dev, status.st_ino
    if key in _SHARED:
        _SHARED[key].users += 1
        return _SHARED[key]
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    file = Shared(mmap.mmap(descriptor, size.bytes), descriptor, key)
    _SHARED[key] = file
    return file


def _fits(path: Path, size: Size) -> bool:
    """Whether a file is of this layout. One that this process has open is: it is not opened."""
    status = path.stat()
    if (status.st_dev, status.st_ino) in _SHARED:
        return status.st_size == size.bytes
    with path.open("rb") as file:
        head = file.read(_HEAD.size)
    return head == _head(size) and status.st_size == size.bytes


def _make(path: Path, size: Size) -> None:
    """A new file in place of what is there; who has mapped the old one finds that it is gone."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        _reserve(descriptor, size.bytes)
        os.pwrite(descriptor, _head(size), 0)
    finally:
        os.close(descriptor)
    fresh.replace(path)


def _reserve(descriptor: int, length: int) -> None:
    """Room on the disk now: a mapping that finds none later would kill the process."""
    try:
        os.posix_fallocate(descriptor, 0, length)
    except (AttributeError, OSError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, bytes(length), 0)


def _head(size: Size) -> bytes:
    return _HEAD.pack(_MAGIC, _boot(), size.rates, size.leases, RATE.size, LEASE.size)


def _boot() -> bytes:
    """Which boot of the machine this is, where the system says so."""
    try:
        return bytes.fromhex(_BOOT.read_text().strip().replace("-", ""))[:16]
    except (OSError, ValueError):
        return bytes(16)
