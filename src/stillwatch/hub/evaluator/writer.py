"""One thread writes: charges that arrive together become durable together.

Rules: whoever submits hears of it only after the commit, so an answer never precedes its charge on
disk. A job that is refused (``StillwatchError``) writes nothing and spoils nothing for the others; any
other error, or a commit that fails, fails all of its group, and nothing of it was kept. Refusals
are counted in memory and written with the next group, at most a second later.
"""

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Final

from sqlalchemy import Connection

from stillwatch.errors import StillwatchError
from stillwatch.hub.database import Busy, Database
from stillwatch.hub.evaluator import audit, ledger
from stillwatch.hub.evaluator.audit import Kind
from stillwatch.hub.evaluator.limits import Limits

_GROUP: Final = 256
_IDLE_S: Final = 1.0
_UPKEEP_S: Final = 60.0
_KINDS: Final = 10_000
"""Kinds of refusal held in memory at most; bounded by members and epochs anyway."""

Job = Callable[[Connection], Any]


class Writer:
    """Owns the ledger's writing connection."""

    def __init__(self, database: Database, limits: Limits, clock: Callable[[], int]) -> None:
        self._database, self._limits, self._clock = database, limits, clock
        self._jobs: queue.SimpleQueue[tuple[Job, Future[Any]] | None] = queue.SimpleQueue()
        self._refusals: Counter[Kind] = Counter()
        self._lock = threading.Lock()
        self._upkept = -_UPKEEP_S
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> Future[Any]:
        """Run a job in a transaction; its result once that is on disk."""
        done: Future[Any] = Future()
        self._jobs.put((job, done))
        return done

    def refused(self, kind: Kind) -> None:
        """Count a refusal."""
        with self._lock:
            if kind in self._refusals or len(self._refusals) < _KINDS:
                self._refusals[kind] += 1

    def close(self) -> None:
        """Write what waits, and stop."""
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        ended = False
        while not ended:
            group, ended = self._gathered()
            self._commit(group)

    def _gathered(self) -> tuple[list[tuple[Job, Future[Any]]], bool]:
        group: list[tuple[Job, Future[Any]]] = []
        try:
            one = self._jobs.get(timeout=_IDLE_S)
            while one is not None:
                group.append(one)
                if len(group) >= _GROUP:
                    return group, False
                one = self._jobs.get_nowait()
        except queue.Empty:
            return group, False
        return group, True

    def _commit(self, group: Sequence[tuple[Job, Future[Any]]]) -> None:
        with self._lock:
            refusals, self._refusals = self._refusals, Counter()
        upkeep = time.monotonic() - self._upkept >= _UPKEEP_S
        if not (group or refusals or upkeep):
            return
        results: list[tuple[Future[Any], Any]] = []
        try:
            with self._database.write() as connection:
                results = [(done, _tried(job, connection)) for job, done in group]
                audit.count(connection, refusals)
                if upkeep:
                    audit.seal(connection, self._clock())
                    ledger.purge(connection, self._clock(), self._limits)
        except Exception as error:
            with self._lock:
                self._refusals.update(refusals)
            failed = (
                error
                if isinstance(error, StillwatchError)
                else Busy(
                    "the quota database failed; nothing was charged", hint="its log says more"
                )
            )
            for _, done in group:
                done.set_exception(failed)
            return
        if upkeep:
            self._upkept = time.monotonic()
        for done, result in results:
            if isinstance(result, StillwatchError):
                done.set_exception(result)
            else:
                done.set_result(result)


def _tried(job: Job, connection: Connection) -> Any:
    try:
        return job(connection)
    except Busy:
        raise
    except StillwatchError as refusal:
        return refusal
