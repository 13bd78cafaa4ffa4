"""Progress of a job, asked of Spark twice a second while it runs in the caller's thread."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from stillwatch.engines.interface import Progress

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_EVERY: Final = 0.5


@contextmanager
def watched(
    session: "SparkSession", tasks: int, total: int, progress: Progress | None
) -> Iterator[None]:
    """Tell ``progress`` the share of the first ``tasks`` tasks that are done, as bytes of ``total``.

    All of ``total`` is told when the job is done: what comes last is merging.
    """
    if progress is None:
        yield
        return
    over = threading.Event()
    tracker = session.sparkContext.statusTracker()

    def done() -> int:
        known = [tracker.getStageInfo(stage) for stage in _stages(session)]
        return sum(info.numCompletedTasks for info in known if info)

    def tell() -> None:
        progress(0, total)
        while not over.wait(_EVERY):
            progress(total * min(done(), tasks) // (tasks + 1), total)

    teller = threading.Thread(target=tell, name="spark-progress", daemon=True)
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()
    progress(total, total)


def _stages(session: "SparkSession") -> list[int]:
    tracker = session.sparkContext.statusTracker()
    jobs = (tracker.getJobInfo(job) for job in tracker.getActiveJobsIds())
    return sorted({stage for job in jobs if job for stage in job.stageIds})
