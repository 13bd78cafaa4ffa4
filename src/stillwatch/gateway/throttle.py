"""Throttles that are right across the workers of a machine.

The rate is kept by the generic cell rate algorithm (ITU-T I.371, annex A, as virtual scheduling):
for each decision one number, the theoretical arrival time of its next request; a request conforms
that comes no more than a few intervals before it. Concurrency is kept by leases that are given
back, or end by themselves when whoever held one has died.

Rules
    * All workers map one small file; the record they touch is under a record lock (``fcntl``), which
      the kernel lets go of when a worker dies. Without a file, all stays in the process.
    * A record that a dead worker, another boot or another rate left behind is bounded by what it
      can mean at most now: nobody waits longer than one full burst takes.
    * Memory is bounded: the idlest record makes room, and where none is idle that is counted. Where
      there is no room for a lease the request passes and is counted.
    * A file of another layout is replaced by a new one, and counted. The file is for one machine:
      it lies on a local disk or, better, in memory (``/dev/shm``, ``/run``).

>>> from stillwatch.domain.decision import Rate
>>> throttles = Throttles(steady=lambda: 1000.0)
>>> [throttles.take(b"c" * 16, Rate(per_minute=2)).ok for _ in range(3)]
[True, True, False]
"""

import errno
import fcntl
import mmap
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, RLock
from typing import Final

from stillwatch.domain.decision import Rate
from stillwatch.errors import ConfigError
from stillwatch.gateway.clock import STEADY
from stillwatch.gateway.decider import Taken

_HEAD: Final = struct.Struct("<24sIIII")
_MAGIC: Final = b"stillwatch throttles 1\n\0"
_DATA: Final = 4096
"""Where records begin."""
_RATE: Final = struct.Struct("<16sdd")
"""Decision, theoretical arrival time, spare."""
_LEASE: Final = struct.Struct("<8s8sd")
"""Begin of the decision's id, token, end. All zero: free."""
_TIME: Final = struct.Struct("<d")
_WAYS: Final = 8
"""Records among which a decision finds its own."""
_FREE_LEASE: Final = bytes(_LEASE.size)
_LEAST_REGION: Final = 256
_BUSY_S: Final = 1.0
"""When to ask again where all leases are out."""


@dataclass(frozen=True, slots=True)
class Size:
    """Of the file; powers of two."""

    rates: int = 16_384
    leases: int = 65_536

    @property
    def bytes(self) -> int:
        """In all."""
        return _DATA + self.rates * _RATE.size + self.leases * _LEASE.size


class Throttles:
    """Rates and leases of throttled subjects. Any thread, any process on the same file."""

    def __init__(
        self,
        path: Path | None = None,
        *,
        lease_s: float = 600.0,
        size: Size | None = None,
        steady: Callable[[], float] = STEADY,
    ) -> None:
        """``steady`` is one clock for all processes. Raises ``ConfigError``."""
        self._size = size or Size()
        self._lease_s, self._steady = lease_s, steady
        self.replaced = 0
        """Files of another layout that were replaced."""
        self.evicted = 0
        """Records that had to make room though they were not idle."""
        self.untracked = 0
        """Requests that passed because there was no room for their lease."""
        self._file = _anonymous(self._size) if path is None else self._mapped(path)
        self._map = self._file.map
        self._leases_at = _DATA + self._size.rates * _RATE.size

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def take(self, decision: bytes, rate: Rate) -> Taken:
        """One request under a decision (the 16 bytes of its id)."""
        now, lease = self._steady(), None
        if rate.concurrency is not None:
            ok, lease = self._lease(decision, rate.concurrency, now)
            if not ok:
                return Taken(False, _BUSY_S)
        if rate.per_minute is not None:
            wait = self._arrive(decision, rate.per_minute, now)
            if wait > 0:
                if lease is not None:
                    self.release(lease)
                return Taken(False, wait)
        return Taken(True, 0.0, lease)

    def release(self, lease: str) -> bool:
        """Give a lease back; whether it still stood. Twice is once."""
        place, _, said = lease.partition(".")
        try:
            slot, token = int(place, 16), bytes.fromhex(said)
        except ValueError:
            return False
        if not 0 <= slot < self._size.leases or len(token) != 8:
            return False
        at = self._leases_at + slot * _LEASE.size
        with self._file.held(at, _LEASE.size):
            stood = self._map[at + 8 : at + 16] == token
            if stood:
                self._map[at : at + _LEASE.size] = _FREE_LEASE
        return stood

    def _arrive(self, decision: bytes, per_minute: int, now: float) -> float:
        """Seconds to wait; 0 if the request conforms, and then it counts."""
        interval = 60.0 / per_minute
        tolerance = (burst(per_minute) - 1) * interval
        group = self._size.rates // _WAYS
        width = _WAYS * _RATE.size
        start = _DATA + int.from_bytes(decision[:4], "big") % group * width
        with self._file.held(start, width):
            at = _found(self._map, decision, start, start + width, _RATE.size)
            due = now
            if at < 0:
                at = self._room(start, width, now)
                self._map[at : at + 16] = decision
            else:
                due = _TIME.unpack_from(self._map, at + 16)[0]
                due = min(max(due, now), now + tolerance + interval)  # nan: now
            wait: float = due - tolerance - now
            if wait <= 1e-9:
                due += interval
            _TIME.pack_into(self._map, at + 16, due)
        return wait if wait > 1e-9 else 0.0

    def _room(self, start: int, width: int, now: float) -> int:
        """The record of a group that has been idle for longest."""
        at = min(
            range(start, start + width, _RATE.size),
            key=lambda one: _TIME.unpack_from(self._map, one + 16)[0],
        )
        self.evicted += _TIME.unpack_from(self._map, at + 16)[0] > now
        return at

    def _lease(self, decision: bytes, most: int, now: float) -> tuple[bool, str | None]:
        """Whether a request may run, and its lease."""
        slots = min(self._size.leases, max(_LEAST_REGION, 1 << (2 * most - 1).bit_length()))
        first = int.from_bytes(decision[4:8], "big") % self._size.leases & ~(slots - 1)
        start = self._leases_at + first * _LEASE.size
        end = start + slots * _LEASE.size
        with self._file.held(start, end - start):
            running = self._running(decision[:8], start, end, now)
            if running >= most:
                return False, None
            at = self._free(start, end, now)
            if at < 0:
                self.untracked += 1
                return True, None
            token = os.urandom(8)
            _LEASE.pack_into(self._map, at, decision[:8], token, now + self._lease_s)
        return True, f"{(at - self._leases_at) // _LEASE.size:x}.{token.hex()}"

    def _running(self, tag: bytes, start: int, end: int, now: float) -> int:
        """Leases of a decision that stand; those that have ended are freed."""
        running, at = 0, start
        while (at := _found(self._map, tag, at, end, _LEASE.size)) >= 0:
            if self._stands(at, now):
                running += 1
            else:
                self._map[at : at + _LEASE.size] = _FREE_LEASE
            at += _LEASE.size
        return running

    def _free(self, start: int, end: int, now: float) -> int:
        """Room for a lease, if need be of another decision whose lease has ended; -1 for none."""
        at = _found(self._map, _FREE_LEASE, start, end, _LEASE.size)
        if at >= 0:
            return at
        slots = range(start, end, _LEASE.size)
        return next((one for one in slots if not self._stands(one, now)), -1)

    def _stands(self, at: int, now: float) -> bool:
        until = _TIME.unpack_from(self._map, at + 16)[0]
        return bool(now < until <= now + self._lease_s)  # beyond: of another boot

    def _mapped(self, path: Path) -> "_File":
        try:
            file, replaced = _opened(path, self._size)
        except OSError as error:
            raise ConfigError(
                f"the file of throttles {path} cannot be used: {error.strerror}",
                hint="name a path on a local disk or in /dev/shm that the gateway may write",
            ) from error
        self.replaced += replaced
        return file


def burst(per_minute: int) -> int:
    """Requests that may come at once: a few, and as many as a second holds."""
    return min(per_minute, 5 + per_minute // 60)


class _File:
    """A mapped file with its lock; one for all in a process, as record locks are the process's."""

    def __init__(self, mapped: mmap.mmap, descriptor: int | None, key: tuple[int, int]) -> None:
        self.map = mapped
        self.users = 1
        self._descriptor = descriptor
        self._key = key
        self._lock = Lock()
        _LIVE[id(self)] = self

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

    def close(self) -> None:
        with _OPENING:
            self.users -= 1
            if self.users:
                return
            _SHARED.pop(self._key, None)
            _LIVE.pop(id(self), None)
        self.map.close()
        if self._descriptor is not None:
            os.close(self._descriptor)

    def forked(self) -> None:
        """A thread of the parent may have held the lock when this child was made."""
        self._lock = Lock()


_OPENING = RLock()
_SHARED: dict[tuple[int, int], _File] = {}
_LIVE: dict[int, _File] = {}


def _after_fork() -> None:
    for file in _LIVE.values():
        file.forked()


os.register_at_fork(after_in_child=_after_fork)


def _anonymous(size: Size) -> _File:
    return _File(mmap.mmap(-1, size.bytes), None, (0, 0))


def _opened(path: Path, size: Size) -> tuple[_File, bool]:
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


def _share(path: Path, size: Size) -> _File:
    """One mapping for all in this process: closing a second descriptor would drop its locks."""
    status = path.stat()
    key = status.st_dev, status.st_ino
    if key in _SHARED:
        _SHARED[key].users += 1
        return _SHARED[key]
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    file = _File(mmap.mmap(descriptor, size.bytes), descriptor, key)
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
    """A new file in place of what is there; who has mapped the old one goes on with it."""
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
    return _HEAD.pack(_MAGIC, size.rates, size.leases, _RATE.size, _LEASE.size)


def _found(within: mmap.mmap, what: bytes, start: int, end: int, step: int) -> int:
    """Place of a record that begins so; -1 for none. ``start`` is where a record begins."""
    at = within.find(what, start, end)
    while at >= 0:
        off = (at - start) % step
        if off == 0:
            return at
        at = within.find(what, at - off + step, end)
    return -1
