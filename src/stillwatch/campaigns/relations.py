"""Where relations live: the same statements on DuckDB here, on Spark SQL in a cluster.

A relation is made once, from earlier ones, and stays until the run is over.
"""

from collections.abc import Callable, Iterable
from itertools import pairwise
from types import TracebackType
from typing import Protocol, Self

import duckdb
import numpy as np
import pyarrow as pa

from stillwatch.campaigns.definitions import Step

CLUSTERS = pa.schema([("node", pa.int64()), ("cluster", pa.int64())])
"""Nodes, and the smallest node of the cluster of each."""
NOTHING = CLUSTERS.empty_table()

_KINDS = {True: "table", False: "view"}


class Relations(Protocol):
    """An engine that holds relations by name."""

    def make(self, step: Step) -> None:
        """Make a relation."""

    def drop(self, step: Step) -> None:
        """Forget a relation that nothing will be made from."""

    def rows(self, sql: str) -> pa.Table:
        """The answer to a question about kept relations, here; for small answers."""

    def by_component(self, divide: Callable[[pa.Table], pa.Table]) -> pa.Table:
        """``divide`` of the links of each component in ``dense``, together (``CLUSTERS``)."""


def make_all(relations: Relations, steps: Iterable[Step]) -> None:
    """Make relations one after the other."""
    for step in steps:
        relations.make(step)


class DuckRelations:
    """Relations in DuckDB: in memory, and on disk where that is not enough."""

    def __init__(self, memory_limit: str | None = None, threads: int | None = None) -> None:
        self._database = duckdb.connect()
        if memory_limit:
            self._database.execute("set memory_limit = ?", [memory_limit])
        if threads:
            self._database.execute("set threads = ?", [threads])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._database.close()

    def put(self, name: str, table: pa.Table) -> None:
        """A relation from outside."""
        self._database.register("given", table)
        self._database.execute(f"create table {name} as select * from given")
        self._database.unregister("given")

    def make(self, step: Step) -> None:
        """Make a relation."""
        self._database.execute(f"create {_KINDS[step.kept]} {step.name} as {step.sql}")

    def drop(self, step: Step) -> None:
        """Forget a relation."""
        self._database.execute(f"drop {_KINDS[step.kept]} {step.name}")

    def rows(self, sql: str) -> pa.Table:
        """The answer to a question about kept relations."""
        return self._database.sql(sql).to_arrow_table()

    def by_component(self, divide: Callable[[pa.Table], pa.Table]) -> pa.Table:
        """``divide`` of the links of each component, together."""
        links = self.rows("select * from dense order by label")
        starts = np.flatnonzero(np.diff(links["label"].to_numpy(), prepend=-1)).tolist()
        parts = [
            divide(links.slice(start, stop - start))
            for start, stop in pairwise([*starts, links.num_rows])
        ]
        return pa.concat_tables(parts) if parts else NOTHING
