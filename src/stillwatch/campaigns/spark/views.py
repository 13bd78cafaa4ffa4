"""Relations as views of a Spark session.

Rules
    * Rows are stored where later statements need them more than once: on disk when memory is short,
      and made again from what they came of when an executor is lost.
    * Labels are another matter: a round is a statement about the round before, twice, so Spark's plan
      would double with each. Their rows are cut from what they came of, and kept by two executors.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pyarrow as pa

from stillwatch.campaigns.definitions import Step

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_CLUSTERS = "node bigint, cluster bigint"


class Views:
    """Relations in a session; used as a context, after which none is left."""

    def __init__(self, session: "SparkSession") -> None:
        self._session = session
        self._frames: dict[str, DataFrame] = {}

    def close(self) -> None:
        """Forget all relations."""
        for name in list(self._frames):
            self._forget(name)

    def put(self, name: str, frame: "DataFrame") -> None:
        """A relation from outside."""
        frame.createOrReplaceTempView(name)
        self._frames[name] = frame

    def make(self, step: Step) -> None:
        """Make a relation."""
        from pyspark import StorageLevel  # noqa: PLC0415 - an optional extra

        frame = self._session.sql(step.sql)
        if step.cut:
            frame = frame.localCheckpoint(True, StorageLevel.MEMORY_AND_DISK_2)
        elif step.kept:
            frame = frame.persist(StorageLevel.MEMORY_AND_DISK)
        self.put(step.name, frame)

    def drop(self, step: Step) -> None:
        """Forget a relation."""
        self._forget(step.name)

    def rows(self, sql: str) -> pa.Table:
        """The answer to a question about relations."""
        return self._session.sql(sql).toArrow()

    def by_component(self, divide: Callable[[pa.Table], pa.Table]) -> pa.Table:
        """``divide`` of the links of each component, in whichever worker has them."""
        dense = self._session.table("dense")
        return dense.groupBy("label").applyInArrow(divide, _CLUSTERS).toArrow()

    def _forget(self, name: str) -> None:
        self._session.catalog.dropTempView(name)
        self._frames.pop(name).unpersist()
