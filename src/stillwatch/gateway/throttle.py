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
    * A file of another layout, cut off or removed is replaced by a new one, and counted; all who
      share it find the new one at their next request. Where none can be made, each process goes on
      by itself. The file is for one machine: it lies on a local disk or, better, in memory (``/dev/shm``, ``/run``).

>>> from stillwatch.domain.decision import Rate
>>> throttles = Throttles(steady=lambda: 1000.0)
>>> [throttles.take(b"c" * 16, Rate(per_minute=2)).ok for _ in range(3)]
[True, True, False]
"""

import logging
import os
import struct
from collections.abc import Callable
from mmap import mmap
from pathlib import Path
from threading import Lock
from typing import Final

from stillwatch.domain.decision import Rate
from stillwatch.errors import ConfigError
from stillwatch.gateway.clock import STEADY
from stillwatch.gateway.decider import Taken
from stillwatch.gateway.throttlefile import (
    DATA,
    LEASE,
    LEASE_S,
    MOST_LEASE_S,
    RATE,
    Shared,
    Size,
    anonymous,
    opened,
)

log = logging.getLogger("stillwatch.gateway")
_TIME: Final = struct.Struct("<d")
_WAYS: Final = 8
"""Records among which a decision finds its own."""
_FREE_LEASE: Final = bytes(LEASE.size)
_LEAST_REGION: Final = 256
_BUSY_S: Final = 1.0
"""When to ask again where all leases are out."""


class Throttles:
    """Rates and leases of throttled subjects. Any thread, any process on the same file."""

    def __init__(
        self,
        path: Path | None = None,
        *,
        lease_s: float = LEASE_S,
        size: Size | None = None,
        steady: Callable[[], float] = STEADY,
    ) -> None:
        """``steady`` is one clock for all processes; ``lease_s`` is at most ``MOST_LEASE_S``.

        Raises ``ConfigError``.
        """
        assert 0 < lease_s <= MOST_LEASE_S
        self._path, self._size = path, size or Size()
        self._lease_s, self._steady = lease_s, steady
        self.replaced = 0
        """Times that another file took the place of one that could not be used or had gone."""
        self.evicted = 0
        """Records that had to make room though they were not idle."""
        self.untracked = 0
        """Requests that passed because there was no room for their lease."""
        self._turning = Lock()
        self._file = anonymous(self._size) if path is None else self._mapped(path)
        self._leases_at = DATA + self._size.rates * RATE.size

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def take(self, decision: bytes, rate: Rate) -> Taken:
        """One request under a decision (the 16 bytes of its id)."""
        now, lease, file = self._steady(), None, self._current()
        if rate.concurrency is not None:
            ok, lease = self._lease(file, decision, rate.concurrency, now)
            if not ok:
                return Taken(False, _BUSY_S)
        if rate.per_minute is not None:
            wait = self._arrive(file, decision, rate.per_minute, now)
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
        at = self._leases_at + slot * LEASE.size
        file = self._current()
        with file.held(at, LEASE.size):
            stood = file.map[at + 8 : at + 16] == token
            if stood:
                file.map[at : at + LEASE.size] = _FREE_LEASE
        return stood

    def _arrive(self, file: Shared, decision: bytes, per_minute: int, now: float) -> float:
        """Seconds to wait; 0 if the request conforms, and then it counts."""
        interval = 60.0 / per_minute
        tolerance = (burst(per_minute) - 1) * interval
        group = self._size.rates // _WAYS
        width = _WAYS * RATE.size
        start = DATA + int.from_bytes(decision[:4], "big") % group * width
        with file.held(start, width):
            at = _found(file.map, decision, start, start + width, RATE.size)
            due = now
            if at < 0:
                at = self._room(file.map, start, width, now)
                file.map[at : at + 16] = decision
            else:
                due = _TIME.unpack_from(file.map, at + 16)[0]
                due = min(max(due, now), now + tolerance + interval)  # nan: now
            wait: float = due - tolerance - now
            if wait <= 1e-9:
                due += interval
            _TIME.pack_into(file.map, at + 16, due)
        return wait if wait > 1e-9 else 0.0

    def _room(self, within: mmap, start: int, width: int, now: float) -> int:
        """The record of a group that has been idle for longest."""
        at = min(
            range(start, start + width, RATE.size),
            key=lambda one: _TIME.unpack_from(within, one + 16)[0],
        )
        self.evicted += _TIME.unpack_from(within, at + 16)[0] > now
        return at

    def _lease(
        self, file: Shared, decision: bytes, most: int, now: float
    ) -> tuple[bool, str | None]:
        """Whether a request may run, and its lease."""
        slots = min(self._size.leases, max(_LEAST_REGION, 1 << (2 * most - 1).bit_length()))
        first = int.from_bytes(decision[4:8], "big") % self._size.leases & ~(slots - 1)
        start = self._leases_at + first * LEASE.size
        end = start + slots * LEASE.size
        with file.held(start, end - start):
            running = _running(file.map, decision[:8], start, end, now)
            if running >= most:
                return False, None
            at = _free(file.map, start, end, now)
            if at < 0:
                self.untracked += 1
                return True, None
            token = os.urandom(8)
            LEASE.pack_into(file.map, at, decision[:8], token, now + self._lease_s)
        return True, f"{(at - self._leases_at) // LEASE.size:x}.{token.hex()}"

    def _current(self) -> Shared:
        """The file, or the one that lies in its place now."""
        file = self._file
        if file.whole() or self._path is None:
            return file
        with self._turning:
            if self._file is file:
                try:
                    self._file, _ = opened(self._path, self._size)
                except OSError as error:
                    log.error(  # noqa: TRY400 - the system's words are enough
                        "the file of throttles %s has gone and cannot be made anew: %s; until a "
                        "restart each process counts by itself", self._path, error.strerror,
                    )  # fmt: skip
                    self._file = anonymous(self._size)
                self.replaced += 1
                file.leave()
        return self._file

    def _mapped(self, path: Path) -> Shared:
        try:
            file, replaced = opened(path, self._size)
        except OSError as error:
            raise ConfigError(
                f"the file of throttles {path} cannot be used: {error.strerror}",
                hint="name a path on a local disk or in /dev/shm that the gateway may write",
            ) from error
        self.replaced += replaced
        return file


def _running(within: mmap, tag: bytes, start: int, end: int, now: float) -> int:
    """Leases of a decision that stand; those that have ended are freed."""
    running, at = 0, start
    while (at := _found(within, tag, at, end, LEASE.size)) >= 0:
        if _stands(within, at, now):
            running += 1
        else:
            within[at : at + LEASE.size] = _FREE_LEASE
        at += LEASE.size
    return running


def _free(within: mmap, start: int, end: int, now: float) -> int:
    """Room for a lease, if need be of another decision whose lease has ended; -1 for none."""
    at = _found(within, _FREE_LEASE, start, end, LEASE.size)
    if at >= 0:
        return at
    slots = range(start, end, LEASE.size)
    return next((one for one in slots if not _stands(within, one, now)), -1)


def _stands(within: mmap, at: int, now: float) -> bool:
    until = _TIME.unpack_from(within, at + 16)[0]
    return bool(now < until <= now + MOST_LEASE_S)  # beyond: damaged


def burst(per_minute: int) -> int:
    """Requests that may come at once: a few, and as many as a second holds."""
    return min(per_minute, 5 + per_minute // 60)


def _found(within: mmap, what: bytes, start: int, end: int, step: int) -> int:
    """Place of a record that begins so; -1 for none. ``start`` is where a record begins."""
    at = within.find(what, start, end)
    while at >= 0:
        off = (at - start) % step
        if off == 0:
            return at
        at = within.find(what, at - off + step, end)
    return -1
