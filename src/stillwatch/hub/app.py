"""The hub as one ASGI application; read this first.

The way of a request: ``Gate`` finds out who calls (only health is open), bounds what it may send
and turns every error into a TAXII error; a router answers; what it changes it changes in one
transaction (``store``); what it tells was cut to the caller's audiences (``audience``).
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio.to_thread
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import Scope

from stillwatch.errors import StillwatchError
from stillwatch.hub.audience import Admitted
from stillwatch.hub.audit import Act, Recorder, place
from stillwatch.hub.auth import Authenticator
from stillwatch.hub.clock import now as the_clock
from stillwatch.hub.database import POOL, Database
from stillwatch.hub.errors import Problem, answer
from stillwatch.hub.gate import Gate
from stillwatch.hub.limits import Limits
from stillwatch.hub.logkey import LogSigner, key_path, signer
from stillwatch.hub.meta import fact
from stillwatch.hub.metrics import Measured, Metrics, route_of
from stillwatch.hub.quotas import Leases
from stillwatch.hub.refusals import QuotaSpent
from stillwatch.hub.setup import opened
from stillwatch.hub.taxii import routes as taxii
from stillwatch.hub.taxii.marks import Marks
from stillwatch.hub.transparency import routes as transparency
from stillwatch.hub.v1 import routes as v1
from stillwatch.hub.v1.operations import FREE
from stillwatch.hub.writer import Writer


@dataclass(frozen=True, slots=True)
class Settings:
    """What one hub is started with."""

    database: str
    """URL."""
    key_file: Path | None = None
    """The log's private key, where it is not in its usual place."""
    title: str = "stillwatch hub"
    limits: Limits = field(default_factory=Limits)
    clock: Callable[[], int] = the_clock
    """Microseconds since 1970."""


@dataclass(frozen=True, slots=True)
class Hub:
    """What the routers of one worker share: ``request.app.state.hub``."""

    settings: Settings
    database: Database
    signer: LogSigner
    authenticator: Authenticator
    admitted: Admitted
    marks: Marks
    leases: Leases
    audit: Recorder
    writer: Writer
    metrics: Metrics

    def refused(self, scope: Scope, error: Exception) -> None:
        """Record who was refused what: credentials, rights, quotas."""
        status = getattr(error, "status", 0)
        if isinstance(error, QuotaSpent):
            self.metrics.quota_refused(error.kind)
        if status in (401, 403, 429):
            who = (scope.get("state") or {}).get("caller")
            peer = (scope.get("client") or ("",))[0]
            subject = route_of(scope) if who else place(peer)
            act = Act(self.settings.clock(), who and who.member, f"refused.{status}", subject)
            self.audit.record(act)

    def close(self) -> None:
        """Write what waits and give everything back."""
        self.writer.close()
        self.audit.close()
        self.database.close()


def build(settings: Settings, routers: Sequence[Sequence[BaseRoute]] | None = None) -> Measured:
    """The application over an initialised database.

    ``routers`` replaces what is served beside TAXII, for tests. Raises ``StoredDataError`` or
    ``ConfigError`` if the database or the log's key cannot be used.
    """
    hub = open_hub(settings)

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = POOL
        try:
            yield
        finally:
            await anyio.to_thread.run_sync(hub.close)

    app = FastAPI(
        title=settings.title,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=life,
    )
    app.state.hub = hub
    for kind in (StillwatchError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, _answer)
    app.router.routes.extend(taxii.ROUTES)
    for extra in _routers() if routers is None else routers:
        app.router.routes.extend(extra)
    gate = Gate(app, hub.database, hub.authenticator, settings.limits, FREE, hub.refused)
    return Measured(gate, hub.metrics)


def open_hub(settings: Settings) -> Hub:
    """Open the database and what a worker keeps beside it."""
    database = opened(settings.database)
    try:
        with database.read() as connection:
            log_signer = signer(connection, key_path(settings.database, settings.key_file))
            secret = bytes.fromhex(fact(connection, "page_secret") or "")
    except BaseException:
        database.close()
        raise
    return Hub(
        settings,
        database,
        log_signer,
        Authenticator(settings.clock),
        Admitted(),
        Marks(secret),
        Leases(database.write, settings.clock),
        Recorder(database.write),
        Writer(database, log_signer, settings.limits, settings.clock),
        Metrics(database),
    )


def _routers() -> list[list[BaseRoute]]:
    """What is served beside TAXII."""
    return [v1.ROUTES, transparency.router.routes]


def _answer(request: Request, error: Exception) -> Response:
    known = _known(error)
    request.app.state.hub.refused(request.scope, known)
    return answer(known)


def _known(error: Exception) -> Exception:
    if isinstance(error, HTTPException):
        headers: dict[str, Any] = dict(error.headers or {})
        hint = ""
        if error.status_code == 404:
            hint = "paths of TAXII end with a slash"
        elif "Allow" in headers:
            hint = f"allowed here: {headers['Allow']}"
        return Problem(error.status_code, str(error.detail), hint=hint, headers=headers)
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return Problem(422, f"{where}: {first['msg']}")
    return error
