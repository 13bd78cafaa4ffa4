"""Latency of a page on PostgreSQL as a collection grows from 10,000 to 1,000,000 objects.

    cd bench && python -m hub.growth [--json] [--repeat 20] [--most 1000000]

Pages of 1,000: the first, one from the middle (``added_after``), the newest, and one of a single
object by id. The first 10,000 are posted; the rest are copies of them under new ids, made inside the
database. PostgreSQL gathers no statistics by itself meanwhile, as right after bulk loading; the
last row is after ANALYZE.
"""

import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import psycopg

from common import arguments, emit
from hub.servers import ours
from hub.speed import page, postgresql, store
from stillwatch.hub.clock import instant

SIZES = (10_000, 100_000, 1_000_000)
_COPY = """
WITH source AS (SELECT * FROM objects ORDER BY seq LIMIT 10000),
copies AS (
    SELECT source.*, 'indicator--' || gen_random_uuid() AS named, row_number() OVER () AS number
    FROM generate_series(1, %(times)s), source
)
INSERT INTO objects (collection, stix_id, type, spec_version, version, stated, date_added,
                     audience, member, body)
SELECT collection, named, copies.type, spec_version, version, stated, clock + number,
       audience, member,
       convert_to(replace(convert_from(body, 'utf8'), stix_id, named), 'utf8')
FROM copies JOIN collections ON collections.id = collection
"""
_CLOCK = (
    "UPDATE collections SET clock = (SELECT max(date_added) FROM objects WHERE collection = id)"
)


def measured(repeat: int, most: int = SIZES[-1]) -> dict[str, Any]:
    """A row per size, median milliseconds per kind of page."""
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        url, analyze = postgresql(Path(folder), stack, autovacuum=False)
        collection = stack.enter_context(ours(url))
        client = stack.enter_context(collection.client())
        size = SIZES[0]
        store(client, size, 1_000)
        for target in [size for size in SIZES if size <= most]:
            _grow(url, (target - size) // SIZES[0])
            size = target
            rows.append([f"{size:,}", "none", *_latencies(client, url, repeat), repeat])
        analyze()
        rows.append([f"{size:,}", "fresh", *_latencies(client, url, repeat), repeat])
    kinds = ["first page", "middle page", "newest page", "one by id"]
    return {"head": ["objects", "statistics", *kinds, "samples"], "rows": rows}


def _grow(url: str, times: int) -> None:
    """Add the first 10,000 objects so many times."""
    with psycopg.connect(url) as connection:
        connection.execute(_COPY, {"times": times})
        connection.execute(_CLOCK)


def _latencies(client: httpx.Client, url: str, repeat: int) -> list[str]:
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT date_added, stix_id FROM objects ORDER BY seq"
        ).fetchall()
    middle, newest = found[len(found) // 2], found[-1_001]
    queries: list[dict[str, str]] = [
        {},
        {"added_after": instant(middle[0])},
        {"added_after": instant(newest[0])},
        {"match[id]": middle[1]},
    ]
    times: list[list[float]] = [[] for _ in queries]
    for _ in range(repeat):
        for i, query in enumerate(queries):
            seconds, envelope = page(client, **query)
            assert len(envelope["objects"]) == (1 if "match[id]" in query else 1_000)
            times[i].append(seconds)
    return [f"{statistics.median(t) * 1e3:.1f} ms" for t in times]


if __name__ == "__main__":
    options = arguments(__doc__, repeat=20, most=SIZES[-1])
    emit(measured(options.repeat, options.most), options.json)
