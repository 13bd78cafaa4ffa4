"""The gateway's table with a million decisions: loading, memory, decisions, throttles, and the lag.

    cd bench && python -m gateway.table [--json] [--decisions 1000000] [--rounds 5] [--lags 100]

One process makes the decisions (each with its own evidence and time, so that little is shared);
another loads them from a file of blocks and decides in process. A decision carries account, key,
organisation and address, none seen before. Percentiles are of each round; the median of the rounds
is shown. The lag runs from the end of ``add`` in the store to the first request that is refused,
with the follower's defaults.
"""

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from common import arguments, emit
from gateway.deciding import SAMPLES, UNTIL, percentiles, subject
from hub.speed import postgresql
from stillwatch.domain.decision import Decision, Rate, new_id
from stillwatch.gateway.blocks import encoded, sealed
from stillwatch.gateway.decider import Decider
from stillwatch.gateway.follower import Follower
from stillwatch.gateway.source import StoreSource
from stillwatch.gateway.table import Request
from stillwatch.gateway.throttle import Throttles
from stillwatch.store import decisions
from stillwatch.store.database import Store

BLOCK = 10_000


def blocks(count: int) -> Iterator[bytes]:
    """Lines of blocks."""

    dice = random.Random(7)
    effects = ["block", "block", "challenge", "degrade"]
    for start in range(0, count, BLOCK):
        rows = range(start, min(count, start + BLOCK))
        subjects = [subject(n) for n in rows]
        rests = [
            {
                "reason": f"chain-of-thought elicitation, score {n % 1000 / 1000}",
                "evidence": [f"finding:2026-11-26T10:00:00/account-{n:010d}"],
                "origin": "policy:standard",
                "made": 1_790_000_000 + n % 100_000,
            }
            for n in rows
        ]
        ids = [uuid.UUID(int=dice.getrandbits(128), version=4) for _ in rows]
        yield encoded(
            {
                "id": [f"decision--{one}" for one in ids],
                "effect": [effects[n % 4] for n in rows],
                "scope": [scope for scope, _ in subjects],
                "value": [value for _, value in subjects],
                "until": [UNTIL] * len(rows),
                "shadow": [False] * len(rows),
                "rest": [orjson.dumps(rest).decode() for rest in rests],
            }
        )


def throttle(rounds: int) -> dict[str, list[float]]:
    """Takes of a rate, and of a lease with its release, over a mapped file and in the process."""

    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for place, throttles in (
            ("file", Throttles(Path(folder) / "throttles")),
            ("process", Throttles()),
        ):
            names = [n.to_bytes(4, "big") * 4 for n in range(1000)] * 10
            rate = Rate(per_minute=6000)
            found[place] = percentiles(lambda one: throttles.take(one, rate), names, rounds)  # noqa: B023
            throttles.close()
    return found


def lag(url: str, times: int) -> list[float]:
    """Seconds from the end of ``add`` to the first refusal, for each of so many decisions."""

    store = Store(url)
    follower = Follower(StoreSource(url))
    decider = Decider(follower.knowledge, Throttles())
    told = threading.Event()
    follower.knowledge.listen(told.set)
    follower.start()
    assert follower.ready(30)
    lags, dice = [], random.Random(9)
    for n in range(times):
        time.sleep(dice.uniform(0, 0.5))
        now, request = datetime.now(UTC), Request(account=f"bad-{n}")
        made = Decision.of(
            {
                "id": new_id(), "effect": "block", "scope": "account", "value": f"bad-{n}",
                "reason": "bench", "evidence": ["case:bench"], "origin": "person:bench",
                "made": int(now.timestamp()), "until": UNTIL,
            }
        )  # fmt: skip
        told.clear()
        with store.begin() as connection:
            decisions.add(connection, [made], by="bench", now=now)
        began = time.perf_counter()
        while decider.decide(request).allowed:
            told.wait(10)
        lags.append(time.perf_counter() - began)
    follower.stop()
    store.close()
    return lags


def measured(count: int, rounds: int, lags: int) -> dict[str, Any]:
    """Rows of what, aim, and measured."""

    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        path = Path(folder) / "blocks"
        with path.open("wb") as file:
            file.writelines(sealed(blocks(count)))
        told = subprocess.run(
            [sys.executable, "-m", "gateway.deciding", str(path), str(rounds)],
            check=True, capture_output=True, cwd=Path(__file__).resolve().parent.parent,
        )  # fmt: skip
        found = json.loads(told.stdout)
        taken = throttle(rounds)
        waits = {"SQLite": lag(f"sqlite:///{folder}/share.db", lags)}
        pg = Path(folder) / "pg"
        pg.mkdir()
        url, _ = postgresql(pg, stack, autovacuum=True)
        waits["PostgreSQL"] = lag(url, lags)

    def both(kind: list[float]) -> str:
        return f"{kind[0]:.1f} and {kind[1]:.1f} µs"

    many = f"{SAMPLES:,} × {rounds}"
    return {
        "head": ["what", "aim", "measured", "samples"],
        "rows": [
            ["decisions loaded from blocks", "1,000,000", f"{count:,}", ""],
            ["wall", "5 s", f"{found['load']:.1f} s", 1],
            ["CPU", "", f"{found['load_cpu']:.1f} s", 1],
            ["memory of the process, all imports in", "500 MB", f"{found['resident']:.0f} MB", 1],
            ["at its most while loading", "", f"{found['peak']:.0f} MB", 1],
            ["decide, nothing stands, p50 and p99", "5 µs (p99)", both(found["miss"]), many],
            ["a block on the account, each another", "5 µs (p99)", both(found["hit"]), many],
            ["of 1,000 that come again and again", "5 µs (p99)", both(found["again"]), many],
            ["a range that holds the address, each another", "5 µs (p99)", both(found["range"]), many],
            ["each another, made within the hour: the breaker weighs it", "", both(found["hit, fresh"]), many],
            ["each another, its id and reason read from the answer", "", both(found["hit, read"]), many],
            ["the table's verdict alone, nothing stands", "", both(found["miss, verdict"]), many],
            ["the verdict alone, each another", "", both(found["hit, verdict"]), many],
            ["one lookup in a dict as large, each another", "", both(found["probe"]), many],
            ["throttle, file shared by processes", "10 µs", both(taken["file"]), f"10,000 × {rounds}"],
            ["throttle, one process", "", both(taken["process"]), f"10,000 × {rounds}"],
            ["changes put in place of what stands, a CPU-second", "", f"{found['changes']:,.0f}", 20_000],
            *(
                [
                    f"lag from `add` to the first refusal, {name}, p50 and most",
                    "2 s",
                    f"{statistics.median(seconds):.2f} and {max(seconds):.2f} s",
                    len(seconds),
                ]
                for name, seconds in waits.items()
            ),
            ["load of the machine meanwhile (of two cores)", "", f"{os.getloadavg()[1]:.1f}", ""],
        ],
    }  # fmt: skip


if __name__ == "__main__":
    options = arguments(__doc__, decisions=1_000_000, rounds=5, lags=100)
    emit(measured(options.decisions, options.rounds, options.lags), options.json)
