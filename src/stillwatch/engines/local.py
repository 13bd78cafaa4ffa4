"""The local engine: request logs through the kernel on all cores of one machine.

The caller's thread reads; workers measure batches side by side (the kernels release the GIL)
and fold them one at a time into the one table. At most ``workers + 2`` batches are alive, so
memory does not depend on the length of the log. Text is read once.
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import chain

import pyarrow as pa

from stillwatch.profiles.phrases import FamilyTable
from stillwatch.profiles.requests import requests
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
        lock = threading.Lock()
        local = threading.local()

        def work(batch: pa.RecordBatch, into: ProfileTable = table) -> int:
            kernel = getattr(local, "kernel", None)
            if kernel is None:
                kernel = local.kernel = TextKernel(self.families, WordVectors())
                local.room = TextFeatures.zeros(SLICE)
            for start in range(0, batch.num_rows, SLICE):
                part = batch.slice(start, SLICE)
                text = kernel.features(part.column("prompt"), local.room)
                columns = requests(part)
                with lock:
                    into.add(part, columns, text)
            return int(batch.num_rows)

        # the first run compiles the kernels: in a worker an interrupt would have to wait for it
        work(first.slice(0, 1), ProfileTable(self.families.names))
        workers = self.workers or os.cpu_count() or 1
        with ThreadPoolExecutor(workers, thread_name_prefix="profile") as pool:
            try:
                for done in _bounded(pool, work, chain((first,), given), workers + 2):
                    if progress:
                        progress(done)
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        return table


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
