"""Latency of a page on PostgreSQL as a collection grows from 10,000 to 1,000,000 objects.

    cd bench && python -m hub.growth [--json] [--repeat 20] [--most 1000000]

Pages of 1,000: the first, one from the middle (``added_after``), the newest, and one of a single
object by id. Sizes follow one another on one growing collection. PostgreSQL gathers no statistics
by itself meanwhile, as right after bulk loading; the last row is after ANALYZE.
"""

import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from common import arguments, emit
from hub.servers import ours
from hub.speed import PAGE, page, postgresql, store

SIZES = (10_000, 100_000, 1_000_000)


def measured(repeat: int, most: int = SIZES[-1]) -> dict[str, Any]:
    """A row per size, median milliseconds per kind of page."""
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        url, analyze = postgresql(Path(folder), stack, autovacuum=False)
        collection = stack.enter_context(ours(url))
        client = stack.enter_context(collection.client())
        size, marks = 0, [""]
        for target in [size for size in SIZES if size <= most]:
            while size < target:
                step = min(target - size, 10_000)
                store(client, step, min(step, 5_000))
                size += step
                marks.append(_newest(client, marks[-1]))
            rows.append([f"{size:,}", "none", *_latencies(client, marks, repeat), repeat])
        analyze()
        rows.append([f"{size:,}", "fresh", *_latencies(client, marks, repeat), repeat])
    kinds = ["first page", "middle page", "newest page", "one by id"]
    head = ["objects", "statistics", *kinds, "samples"]
    return {"head": head, "rows": rows}


def _newest(client: httpx.Client, after: str) -> str:
    """``date_added`` of the newest object, walking on from ``after``."""
    query: dict[str, str | int] = {"added_after": after} if after else {}
    while True:
        answer = client.get("objects/", params={"limit": PAGE, **query})
        after = answer.headers.get("X-TAXII-Date-Added-Last", after)
        envelope = answer.json()
        if not envelope.get("more"):
            return after
        query = {"next": envelope["next"]}


def _latencies(client: httpx.Client, marks: list[str], repeat: int) -> list[str]:
    middle, last = marks[len(marks) // 2], marks[-2]
    one = page(client)[1]["objects"][0]["id"]
    queries: list[dict[str, str]] = [
        {},
        {"added_after": middle} if middle else {},
        {"added_after": last} if last else {},
        {"match[id]": one},
    ]
    times: list[list[float]] = [[] for _ in queries]
    for _ in range(repeat):
        for i, query in enumerate(queries):
            times[i].append(page(client, **query)[0])
    return [f"{statistics.median(t) * 1e3:.1f} ms" for t in times]


if __name__ == "__main__":
    options = arguments(__doc__, repeat=20, most=SIZES[-1])
    emit(measured(options.repeat, options.most), options.json)
