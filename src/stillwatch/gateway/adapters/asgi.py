"""A guard for any ASGI application: FastAPI, Starlette, Django, Litestar, or none of them.

::

    app.add_middleware(StillwatchMiddleware, gateway=gateway, caller=Headers(account="x-account-id"))

Refused requests get an error as OpenAI's and Anthropic's APIs write it. What passes carries the answer in
``scope["state"]["stillwatch"]`` (``request.state.stillwatch``), and as request headers for applications
behind this one; what a client sends under these names is dropped.

Rules: a lease is given back when the last byte of the response has been sent or the application has ended,
however it ended; never while it still works for a client that is gone. WebSockets and lifespan
pass. An error in the function that names the caller is no reason to refuse: the request passes, and it is counted.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

import orjson

from stillwatch.gateway.adapters.caller import AmbiguousCallerError, Headers
from stillwatch.gateway.adapters.client import Gateway, Lease
from stillwatch.gateway.adapters.degrade import degraded
from stillwatch.gateway.adapters.refusal import Refusal, ambiguous, refusal
from stillwatch.gateway.decider import Answer
from stillwatch.gateway.table import Request

__all__ = ["Headers", "StillwatchMiddleware", "degraded"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Caller = Callable[[Scope], Request | Awaitable[Request]]

_LOG: Final = logging.getLogger("stillwatch.gateway")
_OURS: Final = b"x-stillwatch-"


class StillwatchMiddleware:
    """Asks a gateway before the application is; gives its leases back afterwards."""

    def __init__(
        self,
        app: App,
        gateway: Gateway,
        caller: Caller | None = None,
        *,
        passing: Iterable[str] = (),
        appeal: str = "",
    ) -> None:
        """``caller``: from the scope of a request to whom it is from; by default its address only.

        ``passing``: paths that nobody is asked about, e.g. ``/health``; ``appeal``: where a refused
        caller may turn, told in the error.
        """
        self.app = app
        self.gateway = gateway
        self._caller = caller or Headers()
        self._passing = frozenset(passing)
        self._appeal = appeal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        _unspoofed(scope)
        if scope["path"] in self._passing:
            await self.app(scope, receive, send)
            return
        try:
            request = await self._request(scope)
        except AmbiguousCallerError as error:
            self.gateway.counts["ambiguous"] += 1
            await _refuse(send, ambiguous(str(error)))
            return
        answer = await self.gateway.adecide(request)
        lease = Lease(self.gateway, answer.lease)
        try:
            if answer.allowed:
                _tell(scope, answer)
                await self.app(scope, receive, _until_sent(send, lease))
            else:
                await _refuse(send, refusal(answer, self._appeal))
        finally:
            await lease.release()

    async def _request(self, scope: Scope) -> Request:
        try:
            found = self._caller(scope)
            return found if isinstance(found, Request) else await found
        except AmbiguousCallerError:
            raise
        except Exception as error:  # whatever is wrong in it, honest callers are not cut off
            if not self.gateway.counts["nameless"]:
                _LOG.warning("callers cannot be told (%s): only their address is", type(error))
            self.gateway.counts["nameless"] += 1
            return Headers()(scope)


def _unspoofed(scope: Scope) -> None:
    """Drop what a client says under our names."""
    scope["headers"] = [one for one in scope["headers"] if not one[0].lower().startswith(_OURS)]


def _tell(scope: Scope, answer: Answer) -> None:
    """Tell the application; in the scope itself, which outer middleware reads, too."""
    scope.setdefault("state", {})["stillwatch"] = answer
    said = {"effect": answer.effect, "decision": answer.decision, "cohort": answer.cohort}
    scope["headers"] += [
        (_OURS + name.encode(), value.encode("latin-1", "replace"))
        for name, value in said.items()
        if value and answer.effect != "allow"
    ]


def _until_sent(send: Send, lease: Lease) -> Send:
    """``send`` that gives the lease back with the last byte; what an application does then is its own."""

    async def sending(message: Message) -> None:
        await send(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            await lease.release()

    return sending


async def _refuse(send: Send, refused: Refusal) -> None:
    body = orjson.dumps(refused.body)
    told = {**refused.headers, "content-type": "application/json", "content-length": len(body)}
    headers = [(name.encode(), str(value).encode()) for name, value in told.items()]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
