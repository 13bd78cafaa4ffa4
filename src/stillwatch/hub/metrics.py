"""Figures for Prometheus, of all workers together.

Rules: labels take few values (a route's template, a known method, a status, a kind of quota), so
that no request can fill the memory; nothing names a member or an object. With several workers,
``serve`` names a folder in PROMETHEUS_MULTIPROC_DIR before they start: each writes its figures
there and whichever is asked adds them up. What the database knows is read when asked for.
"""

import os
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    multiprocess,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection, func, select

from stillwatch.hub.clock import now
from stillwatch.hub.database import Database
from stillwatch.hub.schema import appeals, checkpoints, cosignatures, members, objects, packs

FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_METHODS: Final = ("GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH")
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_FRESH: Final = 15.0
"""Seconds for which a count of the whole table is told again."""

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Metrics:
    """Counters of one worker and the text of all."""

    def __init__(self, database: Database) -> None:
        self._registry = CollectorRegistry()
        self._stored = CollectorRegistry()
        self._stored.register(_Stored(database))
        self._requests = Counter(
            "stillwatch_hub_requests",
            "Requests answered.",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "stillwatch_hub_request_seconds",
            "Time to the end of the answer.",
            ["route"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._refused = Counter(
            "stillwatch_hub_quota_refusals",
            "Requests refused because a member's quota was spent.",
            ["kind"],
            registry=self._registry,
        )

    def answered(self, scope: Scope, status: int, seconds: float) -> None:
        """Count a request."""
        method = scope["method"] if scope["method"] in _METHODS else "other"
        route = route_of(scope)
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def quota_refused(self, kind: str) -> None:
        """Count a refusal."""
        self._refused.labels(kind).inc()

    def text(self) -> bytes:
        """All figures in Prometheus' text format."""
        counted = self._registry
        if os.environ.get(FOLDER):
            counted = CollectorRegistry()
            multiprocess.MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
        return generate_latest(counted) + generate_latest(self._stored)


class Measured:
    """ASGI middleware that counts and times requests."""

    def __init__(self, app: App, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def sent(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sent)
        finally:
            self._metrics.answered(scope, status, time.perf_counter() - began)


def route_of(scope: Scope) -> str:
    """Template of the route that took a request, else its function's name, else ``unmatched``."""
    path = getattr(scope.get("route"), "path", None)
    return str(path or getattr(scope.get("endpoint"), "__name__", "unmatched"))


class _Stored(Collector):
    """What the database knows."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._objects = (-_FRESH, 0)

    def collect(self) -> Iterator[Metric]:
        """Read the figures."""
        with self._database.read() as connection:
            figures = {
                "objects": ("Objects stored.", self._count(connection)),
                **_log(connection),
                "members_active": (
                    "Members that take part.",
                    _rows(connection, select(members.c.id).where(members.c.state == "active")),
                ),
                "pack_rows": (
                    "Rows of the packs of tags, 312 bytes each.",
                    connection.scalar(select(func.coalesce(func.sum(packs.c.rows), 0))) or 0,
                ),
                "appeals_open": (
                    "Appeals that wait for an answer.",
                    _rows(connection, select(appeals.c.id).where(appeals.c.state == "open")),
                ),
            }
        for name, (about, value) in figures.items():
            yield GaugeMetricFamily(f"stillwatch_hub_{name}", about, value)

    def _count(self, connection: Connection) -> int:
        at, value = self._objects
        if time.monotonic() - at >= _FRESH:
            value = _rows(connection, select(objects.c.seq))
            self._objects = (time.monotonic(), value)
        return value


def _log(connection: Connection) -> dict[str, tuple[str, float]]:
    newest = select(checkpoints.c.size, checkpoints.c.made).order_by(checkpoints.c.size.desc())
    row = connection.execute(newest.limit(1)).first()
    size, made = (row.size, row.made) if row else (0, now())
    signed = select(cosignatures.c.size).where(cosignatures.c.size == size)
    return {
        "log_size": ("Leaves of the transparency log.", size),
        "checkpoint_age_seconds": (
            "Seconds since the last checkpoint was signed.",
            max(0.0, (now() - made) / 1e6),
        ),
        "checkpoint_cosignatures": (
            "Cosignatures on the last checkpoint.",
            _rows(connection, signed),
        ),
    }


def _rows(connection: Connection, statement: Any) -> int:
    return connection.scalar(select(func.count()).select_from(statement.subquery())) or 0
