"""Keeping many decisions, and what a gateway takes to start from a million, on SQLite and PostgreSQL.

    cd bench && python -m gateway.adding [--json] [--rows 100000] [--decisions 1000000] [--rounds 3]

CPU seconds of the process that keeps them (``add``, as ``decisions add --file`` does it) and of the database's
own processes; a start is everything in force read from the store and loaded into a table. Every round
has a new store; medians are shown.
"""

import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from common import arguments, emit
from gateway.deciding import UNTIL, subject
from hub.speed import postgresql
from stillwatch.domain.decision import Decision, new_id
from stillwatch.gateway.source import StoreSource
from stillwatch.gateway.table import loaded
from stillwatch.store import decisions
from stillwatch.store.database import Store

BATCH = 100_000


def made(start: int, count: int) -> list[Decision]:
    """Decisions of a policy, each with its own subject and evidence."""
    now = int(time.time())
    found = []
    for n in range(start, start + count):
        scope, value = subject(n)
        found.append(
            Decision.of(
                {
                    "id": new_id(), "effect": "block", "scope": scope, "value": value,
                    "reason": f"chain-of-thought elicitation, score {n % 1000 / 1000}",
                    "evidence": [f"finding:2026-11-26T10:00:00/account-{n:010d}"],
                    "origin": "policy:standard", "made": now, "until": UNTIL,
                }
            )
        )  # fmt: skip
    return found


def served() -> float:
    """CPU seconds of the database's processes so far, those that have ended left out."""
    total = 0.0
    for one in psutil.process_iter(["name"]):
        if one.info["name"] == "postgres":
            with suppress(psutil.NoSuchProcess):
                total += sum(one.cpu_times()[:2])
    return total


@contextmanager
def store_of(name: str) -> Iterator[str]:
    """URL of a new store."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        if name == "SQLite":
            yield f"sqlite:///{Path(folder) / 'store.db'}"
        else:
            yield postgresql(Path(folder), stack)[0]


def kept(url: str, rows: int, start: int = 0) -> tuple[float, float, float]:
    """Wall and CPU seconds of one ``add``, and the database's CPU seconds."""
    store, these = Store(url), made(start, rows)
    beside, wall, cpu = served(), time.perf_counter(), time.process_time()
    with store.begin() as connection:
        decisions.add(connection, these, by="bench", now=datetime.now(UTC))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    beside = served() - beside
    store.close()
    return wall, cpu, beside


def started(url: str) -> tuple[float, float, int]:
    """Wall and CPU seconds of a gateway's start from a store, and decisions in its table."""
    with closing(StoreSource(url)) as source:
        wall, cpu = time.perf_counter(), time.process_time()
        _, _, blocks = source.startup()
        table = loaded(blocks)
        return time.perf_counter() - wall, time.process_time() - cpu, len(table)


def measured(rows: int = 100_000, count: int = 1_000_000, rounds: int = 3) -> dict[str, Any]:
    """Both, on both."""
    table: list[list[object]] = []
    for name in ("SQLite", "PostgreSQL"):
        keeping = []
        for _ in range(rounds):
            with store_of(name) as url:
                keeping.append(kept(url, rows))
        wall, cpu, beside = map(statistics.median, zip(*keeping, strict=True))
        said = f"{wall:.1f} s ({cpu:.1f} s of CPU, and {beside:.1f} s of the database's)"
        table.append([f"{rows:,} decisions kept, {name}", "5 s of CPU", said, rounds])
        with store_of(name) as url:
            for start in range(0, count, BATCH):
                kept(url, min(BATCH, count - start), start)
            starts = [started(url) for _ in range(rounds)]
        assert {one[2] for one in starts} == {count}
        wall, cpu = (statistics.median(one[n] for one in starts) for n in range(2))
        said = f"{wall:.1f} s ({cpu:.1f} s of CPU)"
        table.append([f"start from {name} with {count:,}", "", said, rounds])
    return {"head": ["what", "aim", "measured", "samples"], "rows": table}


if __name__ == "__main__":
    options = arguments(__doc__, rows=100_000, decisions=1_000_000, rounds=3)
    emit(measured(options.rows, options.decisions, options.rounds), options.json)
