"""What the routes share: the hub's parts, who calls, and bounds of pages."""

from collections.abc import Callable
from typing import Annotated, Any, Protocol

from fastapi import Depends, Query, Request
from pydantic import AfterValidator

from stillwatch.hub.audit import Recorder
from stillwatch.hub.auth import Authenticator, Caller, caller
from stillwatch.hub.database import Database
from stillwatch.hub.logkey import LogSigner
from stillwatch.hub.members import Member, named
from stillwatch.hub.metrics import Metrics
from stillwatch.hub.refusals import Malformed
from stillwatch.intel.objects import parse_time

MOST = 1000
"""Entries on a page."""


class Settings(Protocol):
    """Of the hub; see ``app.Settings``."""

    @property
    def clock(self) -> Callable[[], int]:
        """Microseconds since 1970."""


class Parts(Protocol):
    """Of the hub; see ``app.Hub``."""

    @property
    def settings(self) -> Settings:
        """What it was started with."""

    @property
    def database(self) -> Database:
        """Its database."""

    @property
    def signer(self) -> LogSigner:
        """Who signs its log."""

    @property
    def authenticator(self) -> Authenticator:
        """Who tells callers."""

    @property
    def audit(self) -> Recorder:
        """Where acts are recorded."""

    @property
    def metrics(self) -> Metrics:
        """Its figures."""


def _parts(request: Request) -> Any:
    return request.app.state.hub


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("holds a NUL character")
    return text


Text = Annotated[str, AfterValidator(_without_nul)]
"""A string that every database can be asked for."""
Hub = Annotated[Parts, Depends(_parts)]
Calling = Annotated[Caller, Depends(caller)]
Limit = Annotated[int, Query(ge=1, le=MOST, description="Entries on a page at most.")]


def member_of(connection: Any, who: Caller) -> Member:
    """The caller's row as it is in this transaction."""
    return named(connection, who.name)


def instant_of(text: str | None, name: str) -> int | None:
    """An instant of a query. Raises ``Malformed`` naming the parameter."""
    if text is None:
        return None
    try:
        return parse_time(text)
    except ValueError as error:
        raise Malformed(
            f"{name}: {error}", hint="give it as the hub writes it, 2026-01-31T12:00:00.000000Z"
        ) from error
