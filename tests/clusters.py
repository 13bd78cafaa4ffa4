"""Spark for tests: a session of a given master, a small log in several shapes, comparisons."""

import importlib.util
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.engines.interface import Engine, Read
from stillwatch.engines.local import SLICE, LocalEngine
from stillwatch.engines.spark.engine import SparkEngine
from stillwatch.engines.spark.options import SparkOptions
from stillwatch.engines.spark.session import opened
from stillwatch.logs import Quarantine, ReadOptions
from stillwatch.profiles.requests import READ
from tests.logfiles import write_jsonl
from tests.profiling import by_account, families
from tests.support import START, batch, event

TWO_EXECUTORS = "local-cluster[2,1,1024]"
FEW_TASKS = SparkOptions(
    split_bytes=16_000,
    merge_tasks=2,
    conf=(("spark.python.worker.reuse", "true"), ("spark.sql.adaptive.enabled", "false")),
)
OPTIONS = ReadOptions(columns=READ, batch_rows=SLICE, encoded=True)


def why_no_spark() -> str:
    """Why tests of the Spark engine cannot run here; empty where they can."""
    if importlib.util.find_spec("pyspark") is None:
        return "PySpark is absent: uv sync --group spark"
    return "" if shutil.which("java") else "Java is absent: Spark needs 17 or later"


needs_spark = pytest.mark.skipif(bool(why_no_spark()), reason=why_no_spark())


@contextmanager
def cluster(master: str, **changes: Any) -> Iterator[SparkEngine]:
    """An engine on a session of its own."""
    options = replace(FEW_TASKS, master=master, **changes)
    with opened(options) as session:
        yield SparkEngine(session, families(), options)


def rows(n: int = 1500) -> list[dict[str, Any]]:
    """Requests of 40 accounts; the first has a third of them and is in every part of the log."""
    return [
        event(
            i,
            account_id="busy" if i % 3 == 0 else f"acct-{i * 7 % 39}",
            timestamp=START.replace(hour=i % 24, minute=i % 60) + timedelta(days=i % 3),
            model=f"m{i % 5}",
            prompt=f"explain item {i} of the list, step by step, {'please ' * (i % 5)}ünd",
            client_ip=f"198.51.100.{i % 200}",
            output_tokens=i,
            system_prompt="be brief" if i % 4 else None,
        )
        for i in range(n)
    ]


def shapes(folder: Path) -> dict[str, list[str]]:
    """The same events as one Parquet file of many row groups, many files, and JSON lines."""
    events = rows()
    table = pa.Table.from_batches([batch(events)])
    pq.write_table(table, folder / "one.parquet", row_group_size=300)
    shuffled = [*events[1::2], *events[::2]]
    (folder / "many").mkdir()
    for part in range(5):
        some = pa.Table.from_batches([batch(shuffled[part::5])])
        pq.write_table(some, folder / "many" / f"{part}.parquet")
    write_jsonl(folder / "lines.jsonl", events)
    return {
        "row groups": [str(folder / "one.parquet")],
        "files, shuffled": [str(folder / "many")],
        "ranges of lines": [str(folder / "lines.jsonl")],
    }


def read(
    engine: Engine, paths: Sequence[str], options: ReadOptions = OPTIONS, bad: Path | None = None
) -> Read:
    with Quarantine(bad) as quarantine:
        return engine.read(paths, options, quarantine)


def local(
    paths: Sequence[str],
    options: ReadOptions = OPTIONS,
    bad: Path | None = None,
    workers: int = 1,
) -> Read:
    return read(LocalEngine(families(), workers), paths, options, bad)


def assert_same(got: Read, expected: Read) -> None:
    assert by_account(got.table) == by_account(expected.table)
    assert got.table.model_names == expected.table.model_names
    assert got.table.families == expected.table.families
    assert got.remarks == expected.remarks
