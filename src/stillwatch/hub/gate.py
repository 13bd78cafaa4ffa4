"""Before every route: who calls, how often, and how much it may send.

Rules: nothing of a body is read before the caller is known; a body is never buffered beyond
``content_length``, whether its length is stated or not; whatever goes wrong behind it becomes a
TAXII error. A body that was refused is read and thrown away by the server, so that a client that
still sends hears the answer.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Hashable
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stillwatch.hub.auth import CHALLENGES, Authenticator, Caller
from stillwatch.hub.database import Database
from stillwatch.hub.errors import Problem, answer, log
from stillwatch.hub.limits import Limits

_BODY_S: Final = 120
"""Seconds in which a body must have come."""


class Gate:
    """Wraps the application."""

    def __init__(
        self,
        app: ASGIApp,
        database: Database,
        authenticator: Authenticator,
        limits: Limits,
        free: Collection[str],
        refused: Callable[[Scope, Exception], None],
    ) -> None:
        self.app = app
        self._database, self._authenticator = database, authenticator
        self._limits, self._free = limits, frozenset(free)
        self._refused = refused
        self._rate = Rate(limits.requests_per_minute)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = ended = False

        async def watched(message: Message) -> None:
            nonlocal started, ended
            started = started or message["type"] == "http.response.start"
            ended = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        try:
            await self._serve(scope, receive, watched)
        except ClientDisconnect:
            return
        except Exception as error:
            if ended:
                return  # the application has told it as an error already
            if started:
                log.exception("the answer broke off")
                raise
            self._refused(scope, error)
            await answer(error)(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if scope["http_version"] == "1.1" and len(headers.getlist("host")) != 1:
            raise Problem(400, "a request has one Host header (RFC 9112, section 3.2)")
        state: dict[str, Any] = scope.setdefault("state", {})
        state["caller"] = None
        if scope["path"] not in self._free:
            state["caller"] = await self._caller(headers)
        self._check_target(scope)
        await self.app(scope, self._bounded(headers, receive), send)

    def _check_target(self, scope: Scope) -> None:
        query = scope.get("query_string", b"")
        if len(query) > self._limits.query_length:
            raise Problem(414, f"the query is longer than {self._limits.query_length} bytes")
        # no name and no value of ours holds one, and not every database can be asked for it
        if "\0" in scope["path"]:
            raise Problem(404, "no path holds a NUL character")
        if b"%00" in query:
            raise Problem(400, "the query holds a NUL character")

    async def _caller(self, headers: Headers) -> Caller:
        caller = await run_in_threadpool(self._authenticate, headers.getlist("authorization"))
        if caller is None:
            raise Problem(
                401,
                "valid credentials are needed",
                hint="Basic with NAME:token, or Bearer with the token",
                headers={"WWW-Authenticate": CHALLENGES},
            )
        wait = self._rate.wait(caller.member, time.monotonic())
        if wait > 0:
            raise Problem(
                429,
                f"more than {self._limits.requests_per_minute} requests in a minute",
                headers={"Retry-After": str(int(wait) + 1)},
            )
        return caller

    def _authenticate(self, sent: list[str]) -> Caller | None:
        if len(sent) != 1:
            return None
        with self._database.read() as connection:
            return self._authenticator.caller(connection, sent[0])

    def _bounded(self, headers: Headers, receive: Receive) -> Receive:
        most, seen, until = self._limits.content_length, 0, 0.0

        async def bounded() -> Message:
            nonlocal seen, until
            if not until:
                until = time.monotonic() + _BODY_S
                stated = headers.get("content-length", "")
                if stated.isdecimal() and int(stated) > most:
                    raise _too_long(most)
                if headers.get("content-encoding", "identity").strip().lower() != "identity":
                    raise Problem(
                        415,
                        "the body has a Content-Encoding",
                        hint="send it as it is",
                        headers={"Accept-Encoding": "identity"},
                    )
            try:
                async with asyncio.timeout(max(0.0, until - time.monotonic())):
                    message = await receive()
            except TimeoutError:
                raise Problem(408, f"the body did not come within {_BODY_S} seconds") from None
            seen += len(message.get("body", b""))
            if seen > most:
                raise _too_long(most)
            return message

        return bounded


class Rate:
    """Counts requests of members within the current minute."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._minute, self._seen = -1, dict[Hashable, int]()

    def wait(self, member: Hashable, now: float) -> float:
        """Count a request; seconds until the next minute if it is one too many, else 0."""
        minute, into = divmod(now, 60)
        if minute != self._minute:
            self._minute, self._seen = int(minute), {}
        self._seen[member] = seen = self._seen.get(member, 0) + 1
        return 60 - into if seen > self._most else 0.0


def _too_long(most: int) -> Problem:
    return Problem(
        413,
        f"the body is longer than {most} bytes",
        hint="send fewer objects at a time: max_content_length of the API root",
    )
