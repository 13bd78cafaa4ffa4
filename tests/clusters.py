"""Spark for tests: a session of a given master, logs in several shapes, comparisons."""

import importlib.util
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.config import Config
from stillwatch.detection.judge import DetectionOptions
from stillwatch.engines.interface import Engine, Read
from stillwatch.engines.local import SLICE, LocalEngine
from stillwatch.engines.spark.engine import SparkEngine
from stillwatch.engines.spark.options import SparkOptions
from stillwatch.engines.spark.session import opened
from stillwatch.logs import Quarantine, ReadOptions, Tally, read_accounts
from stillwatch.pipeline import Grounds, assess
from stillwatch.profiles.phrases import load_families, shipped_rules
from stillwatch.profiles.requests import READ
from stillwatch.simulation import SimulationOptions, simulate
from tests.logfiles import write_jsonl
from tests.profiling import by_account, families
from tests.support import START, batch, event

TWO_EXECUTORS = "local-cluster[2,1,1024]"
FEW_TASKS = SparkOptions(
    split_bytes=16_000,
    merge_tasks=2,
    conf=(("spark.python.worker.reuse", "true"), ("spark.sql.adaptive.enabled", "false")),
)
WORLD_ACCOUNTS = 250
OPTIONS = ReadOptions(columns=READ, batch_rows=SLICE, encoded=True)
ONE_IN_A_HUNDRED = replace(OPTIONS, bad_file_limit=0.01)


def why_no_spark() -> str:
    """Why tests of the Spark engine cannot run here; empty where they can."""
    if importlib.util.find_spec("pyspark") is None:
        return "PySpark is absent, the Spark engine is NOT tested: uv sync --group spark"
    if shutil.which("java") or os.environ.get("JAVA_HOME"):
        return ""
    return "Java is absent, the Spark engine is NOT tested: it needs 17 or later"


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


THOUSAND = 1000
VICTIM = "f0500.parquet"


def thousand(folder: Path) -> Path:
    """A folder of a thousand files; one of them, ``VICTIM``, is longer than the others."""
    folder.mkdir()
    events = rows(3 * THOUSAND + 600)
    for number in range(THOUSAND):
        mine = events[3 * number : 3 * number + 3]
        name = f"f{number:04d}.parquet"
        if name == VICTIM:
            mine = events[3 * THOUSAND :]
        some = pa.Table.from_batches([batch(mine)])
        pq.write_table(some, folder / name, compression="zstd", row_group_size=200)
    return folder


def cut_short(whole: bytes) -> bytes:
    """Without its end, where a Parquet file says what is in it."""
    return whole[: len(whole) // 2]


def overwritten(whole: bytes) -> bytes:
    """With zeros over the last rows: what comes before can be read."""
    at = len(whole) // 2
    return whole[:at] + bytes(400) + whole[at + 400 :]


def nothing_but_zeros(whole: bytes) -> bytes:
    """As a file is after a crash of its file system."""
    return bytes(len(whole))


DAMAGES = (cut_short, overwritten, nothing_but_zeros)


@dataclass(frozen=True)
class World:
    """A simulated log, how it is read, and what is in it."""

    events: tuple[str, ...]
    """Files, one a day."""
    accounts: pa.Table


def world(folder: Path) -> World:
    """A simulated log of a few days with campaigns in it."""
    simulate(
        SimulationOptions(
            folder, seed=5, accounts=WORLD_ACCOUNTS, days=6, attack_share=0.15, campaigns=3
        )
    )
    events = tuple(sorted(str(path) for path in (folder / "events").iterdir()))
    return World(events, read_accounts(folder / "accounts.parquet", Tally()))


def cut_anew(world: World, folder: Path, files: int, seed: int) -> list[str]:
    """The same events in another order, in so many files of any sizes."""
    random = np.random.default_rng(seed)
    whole = pa.concat_tables([pq.read_table(path) for path in world.events])
    whole = whole.take(random.permutation(whole.num_rows))
    ends = np.sort(random.integers(0, whole.num_rows, files - 1)).tolist()
    folder.mkdir()
    for number, (start, stop) in enumerate(pairwise([0, *ends, whole.num_rows])):
        part = whole.slice(start, stop - start)
        pq.write_table(part, folder / f"{number}.parquet", row_group_size=1000)
    return [str(folder)]


def found(read: Read, world: World) -> tuple[object, ...]:
    """Everything that is said about a log: measures and flags of accounts, campaigns, suspects."""
    read.table.sort()
    families = tuple(load_families(shipped_rules() / "phrases"))
    config = Config(detection=DetectionOptions(fdr=0.5))
    assessed = assess(read.table, Grounds.of(config, families, world.accounts))
    return (
        assessed.accounts.to_pylist(),
        list(assessed.flagged),
        list(assessed.campaigns),
        assessed.suspected,
    )


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
