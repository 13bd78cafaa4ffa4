"""The local engine: request logs through the kernel on all cores of one machine.

The caller's thread reads; workers measure batches side by side (the kernels release the GIL)
and one of them at a time folds what is measured into the one table. Nobody waits for the table:
who finds it taken leaves what it measured to the one that has it. At most ``workers + 2`` batches
are alive, so memory does not depend on the length of the log. Text is read once.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import chain
from queue import SimpleQueue

import pyarrow as pa

from stillwatch.engines.interface import Progress as ReadProgress
from stillwatch.engines.interface import Read
from stillwatch.logs import EventLog, Quarantine, ReadOptions, open_logs
from stillwatch.logs.eventlog import ReadAgain
from stillwatch.profiles.phrases import FamilyTable
from stillwatch.profiles.requests import Requests, requests
from stillwatch.profiles.table import ProfileTable
from stillwatch.profiles.text import TextFeatures, TextKernel
from stillwatch.profiles.words import WordVectors

SLICE = 16_384
"""Events measured at a time: they stay in cache between measuring and folding."""

Progress = Callable[[int], None]
"""Called with the number of events folded since the last call."""


@dataclass(frozen=True, slots=True)
class LocalEngine:
    """Profiles on the cores of this machine."""

    families: FamilyTable
    workers: int = 0
    """Threads that measure; 0 means one per core."""

    def read(
        self,
        paths: Sequence[str],
        options: ReadOptions,
        quarantine: Quarantine,
        progress: ReadProgress | None = None,
    ) -> Read:
        """Profiles of all events of ``paths`` (see ``interface.Engine``)."""
        log = open_logs(paths, options, quarantine)
        table = self._profiled(log, progress)
        while isinstance(table, EventLog):
            log, table = table, self._profiled(table, progress)
        return Read(table, tuple(sorted({each.format for each in log.sources})), log.remarks)

    def _profiled(self, log: EventLog, progress: ReadProgress | None) -> ProfileTable | EventLog:
        """The profiles of a log, or the log that is to be read instead."""
        told = (lambda _events: progress(log.bytes_read, log.total_bytes)) if progress else None
        try:
            return self.profile(log.batches(), told)
        except ReadAgain as damaged:
            return damaged.log

    def profile(
        self, batches: Iterable[pa.RecordBatch], progress: Progress | None = None
    ) -> ProfileTable:
        """Summarise all events of ``batches`` (canonical columns) by account.

        Raises whatever reading raises; on an interrupt no worker is left running.
        """
        given = iter(batches)
        first = next(given, None)
        table = ProfileTable(self.families.names)
        if first is None:
            return table
        # the first run compiles the kernels: in a worker an interrupt would have to wait for it
        _Fold(ProfileTable(self.families.names), self.families, 1).work(first.slice(0, 1))
        workers = self.workers or os.cpu_count() or 1
        fold = _Fold(table, self.families, workers + 1)
        with ThreadPoolExecutor(workers, thread_name_prefix="profile") as pool:
            try:
                for done in _bounded(pool, fold.work, chain((first,), given), workers + 2):
                    if progress:
                        progress(done)
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        return table


class _Fold:
    """Measures batches in any number of threads and folds them into one table."""

    def __init__(self, table: ProfileTable, families: FamilyTable, rooms: int) -> None:
        self._table = table
        self._families = families
        self._own = threading.local()
        self._taken = threading.Lock()
        """Held by the thread that folds."""
        self._measured: deque[tuple[pa.RecordBatch, Requests, TextFeatures]] = deque()
        self._rooms: SimpleQueue[TextFeatures] = SimpleQueue()
        """Room to measure in. More than there are threads would only grow the queue."""
        for _ in range(rooms):
            self._rooms.put(TextFeatures.zeros(SLICE))

    def work(self, batch: pa.RecordBatch) -> int:
        """Measure a batch and see to it that it is folded, here or by another thread."""
        for start in range(0, batch.num_rows, SLICE):
            part = batch.slice(start, SLICE)
            room = self._rooms.get()
            self._kernel().features(part.column("prompt"), room)
            self._measured.append((part, requests(part), room))
            self._fold()
        return int(batch.num_rows)

    def _kernel(self) -> TextKernel:
        """The kernel of this thread."""
        if not hasattr(self._own, "kernel"):
            self._own.kernel = TextKernel(self._families, WordVectors())
        kernel: TextKernel = self._own.kernel
        return kernel

    def _fold(self) -> None:
        # asked again after the release: what another left in between must not be left lying
        while self._measured and self._taken.acquire(blocking=False):
            try:
                while self._measured:
                    part, columns, room = self._measured.popleft()
                    self._table.add(part, columns, room.first(part.num_rows))
                    self._rooms.put(room)
            finally:
                self._taken.release()


def _bounded(
    pool: ThreadPoolExecutor,
    work: Callable[[pa.RecordBatch], int],
    batches: Iterable[pa.RecordBatch],
    most: int,
) -> Iterator[int]:
    """Results of ``work`` as they finish, never more than ``most`` batches in flight."""
    pending: set[Future[int]] = set()
    for batch in batches:
        pending.add(pool.submit(work, batch))
        if len(pending) >= most:
            done, pending = wait(pending, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    for future in pending:
        yield future.result()
