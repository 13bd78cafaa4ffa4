"""CPU per event of Spark's stages beside the local engine, once the JVM is up and warm.

One log, simulated (as in speed.py, fewer accounts); the local engine and Spark ``local[2]`` in
turn. CPU is user and system time of all processes of a run, the JVM told apart; time on the wall
is not compared, because Spark's start is no property of the kernel.

    python bench/spark.py [--repeat 3] [--accounts 20000] [--json]
"""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import psutil
import pyarrow.parquet as pq

from common import DATA, arguments, emit, stillwatch
from stillwatch.engines.local import SLICE, LocalEngine
from stillwatch.engines.spark import tables, task
from stillwatch.engines.spark.engine import SparkEngine, _measure, _measure_table
from stillwatch.engines.spark.options import SPLIT_BYTES, SparkOptions
from stillwatch.engines.spark.session import opened, require
from stillwatch.engines.spark.splits import splits_of
from stillwatch.errors import ConfigError
from stillwatch.logs import Quarantine, ReadOptions, Tally, open_logs
from stillwatch.profiles.phrases import FamilyTable, load_families, shipped_rules
from stillwatch.profiles.requests import READ

HEAD = ("what", "events", "CPU µs/event, Python", "CPU µs/event, JVM", "beside local", "runs")
OPTIONS = ReadOptions(columns=READ, batch_rows=SLICE, encoded=True)


def log_of(accounts: int) -> Path:
    """The simulated log, made once and kept under bench/data."""
    folder = DATA / f"spark-{accounts}"
    if not (folder / "labels.parquet").exists():
        shutil.rmtree(folder, ignore_errors=True)
        stillwatch(
            "simulate", "--out", folder, "--accounts", accounts, "--days", 5, "--seed", 1,
            "--volume", 0.47, "--pasted", 30, "--json",
        )  # fmt: skip
    return folder / "events"


def cpu() -> tuple[float, float]:
    """Seconds used so far by Python (this process and its workers) and by the JVM."""
    ours = sum(os.times()[:2])
    java = workers = 0.0
    for each in psutil.Process().children(recursive=True):
        used = sum(each.cpu_times()[:2])
        if each.name() == "java":
            java += used
        else:
            workers += used
    return ours + workers, java


def cost(run: Callable[[], object], repeat: int) -> tuple[float, float]:
    """Median CPU seconds of Python and JVM over some runs, after one to warm up."""
    run()
    taken = []
    for _ in range(repeat):
        before = cpu()
        run()
        taken.append(tuple(b - a for a, b in zip(before, cpu(), strict=True)))
    return median(t[0] for t in taken), median(t[1] for t in taken)


def _stages(engine: SparkEngine, log: str) -> dict[str, Callable[[], object]]:
    """Each stage as something to run; a stage alone ends in Spark's sink of nothing."""
    work = task.work_of(OPTIONS, engine.families)
    readings = open_logs([log], OPTIONS, Quarantine(None)).readings
    whole, small = (splits_of(readings, most) for most in (SPLIT_BYTES, 8 << 20))
    table = tables.opened(
        engine.session, f"table:parquet.`{log}`", OPTIONS, Quarantine(None), Tally()
    )

    def alone(frame: Any) -> Callable[[], object]:
        return lambda: frame.write.format("noop").mode("overwrite").save()

    return {
        f"Spark, kernel stage, {len(whole)} splits": alone(_measure(engine.session, work, whole)),
        f"the same in {len(small)} splits": alone(_measure(engine.session, work, small)),
        "Spark, kernel stage, Spark's reader": alone(_measure_table(table, work, 0)),
        "Spark, decode alone, Spark's reader": alone(table.frame),
        "Spark, whole run (merged, fetched)": lambda: engine.read([log], OPTIONS, Quarantine(None)),
    }


def measure(repeat: int, accounts: int) -> dict[str, Any]:
    """All rows."""
    try:
        require()
    except ConfigError as error:
        return {"skipped": str(error)}
    log = str(log_of(accounts))
    events = sum(pq.read_metadata(file).num_rows for file in Path(log).glob("*.parquet"))
    families = FamilyTable.compile(load_families(shipped_rules() / "phrases"))
    here = LocalEngine(families, 2)
    python, _ = cost(lambda: here.read([log], OPTIONS, Quarantine(None)), repeat)
    per = 1e6 / events
    rows = [["local engine, read and kernel", events, round(python * per, 2), 0, 1.0, repeat]]
    options = SparkOptions(master="local[2]", merge_tasks=4)
    began = time.monotonic()
    with opened(options) as session:
        up = time.monotonic() - began
        engine = SparkEngine(session, families, options)
        for what, run in _stages(engine, log).items():
            mine, java = cost(run, repeat)
            share = round((mine + java) / python, 2)
            rows.append([what, events, round(mine * per, 2), round(java * per, 2), share, repeat])
    rows.append([f"a session until it is up, {up:.0f} s on the wall", "", "", "", "", 1])
    return {"head": HEAD, "rows": rows}


if __name__ == "__main__":
    options = arguments(__doc__, repeat=3, accounts=20_000)
    emit(measure(options.repeat, options.accounts), options.json)
