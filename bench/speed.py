"""Speed and memory of `stillwatch detect`, beside Polars and DuckDB on plain aggregates.

Logs: simulated, about 440-byte prompts, 100,000 accounts, 1 M and 5 M events. Each run is a
process of its own: read, profile with all signals and embeddings, link, judge, report.

    python bench/speed.py [--repeat 3] [--json]
"""

import sys
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow.parquet as pq

from common import DATA, Run, arguments, emit, run, stillwatch

HEAD = ("what", "events", "wall s (median)", "M events/s", "CPU µs/event", "peak RSS GB", "runs")
WORLDS = {"1 M events": 0.094, "5 M events": 0.47}
AGGREGATES = Path(__file__).parent / "aggregates.py"


def log_of(name: str) -> Path:
    """The simulated log, made once and kept under bench/data."""
    folder = DATA / name.replace(" ", "-")
    if not (folder / "labels.parquet").exists():
        stillwatch(
            "simulate", "--out", folder, "--accounts", 100_000, "--days", 5, "--seed", 1,
            "--volume", WORLDS[name], "--pasted", 30, "--json",
        )  # fmt: skip
    return folder


def events_of(folder: Path) -> int:
    return sum(pq.read_metadata(file).num_rows for file in (folder / "events").glob("*.parquet"))


def row(what: str, events: int, runs: list[Run]) -> list[Any]:
    wall, cpu = median(r.wall for r in runs), median(r.cpu for r in runs)
    return [
        what, events, round(wall, 1), round(events / wall / 1e6, 3), round(cpu / events * 1e6, 2),
        round(max(r.peak for r in runs), 2), len(runs),
    ]  # fmt: skip


def measure(repeat: int) -> dict[str, Any]:
    """All rows; the competitors run right beside ours."""
    rows = []
    for name in WORLDS:
        folder = log_of(name)
        events = events_of(folder)
        ours = lambda *more: stillwatch(*more, "--json")  # noqa: E731
        log, out = folder / "events", folder / "result"
        records = folder / "accounts.parquet"
        ours("detect", log, "--accounts", records, "--out", out)  # compile kernels, warm the cache
        detects, profiles, polars, duckdb = [], [], [], []
        for _ in range(repeat):
            detects.append(ours("detect", log, "--accounts", records, "--out", out))
            profiles.append(ours("profile", log, "--out", folder / "profiles.parquet"))
            polars.append(run([sys.executable, str(AGGREGATES), "polars", str(log)]))
            duckdb.append(run([sys.executable, str(AGGREGATES), "duckdb", str(log)]))
        rows.append(row(f"stillwatch detect, {name}", events, detects))
        rows.append(row(f"stillwatch profile, {name}", events, profiles))
        rows.append(row(f"Polars, 17 plain aggregates, {name}", events, polars))
        rows.append(row(f"DuckDB, 17 plain aggregates, {name}", events, duckdb))
    return {"head": HEAD, "rows": rows}


if __name__ == "__main__":
    options = arguments(__doc__, repeat=3)
    emit(measure(options.repeat), options.json)
