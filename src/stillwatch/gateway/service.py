"""What a gateway answers: which request goes where, who may ask it, and what it counts.

Rules
    * Every door but the two of probes takes a token, checked before anything else of a request is
      read. Without one ``/readyz`` says whether it is ready and nothing else.
    * A decision is made from memory, at once; only streams and sign-ups take time.
    * Each answer is counted by where and how; nothing is logged of a request.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NamedTuple, Protocol

import orjson

from stillwatch.errors import InputError
from stillwatch.gateway.carried import asked_request
from stillwatch.gateway.decider import Answer, Decider
from stillwatch.gateway.envoy import PREFIX, for_envoy
from stillwatch.gateway.http import JSON, Asked, Fields, Later, Reply, Stream, problem, told
from stillwatch.gateway.limits import Limits
from stillwatch.gateway.live import Live
from stillwatch.gateway.metrics import Figures
from stillwatch.gateway.nginx import for_nginx
from stillwatch.gateway.openapi import document
from stillwatch.gateway.streaming import Streams
from stillwatch.gateway.table import Request
from stillwatch.gateway.tokens import Door, given_token
from stillwatch.gateway.wording import answer_fields, answer_record

_CHALLENGE: Final[Fields] = ((b"www-authenticate", b"Bearer"),)
_UNCACHED: Final[Fields] = ((b"cache-control", b"no-store"),)
_PROMETHEUS: Final = b"text/plain; version=0.0.4; charset=utf-8"


class Screened(NamedTuple):
    """What came of a sign-up."""

    status: int
    body: Mapping[str, Any]
    """The lead, or what was wrong."""
    subject: Request
    """What decisions may name of it."""


class Screening(Protocol):
    """Screens sign-ups; made by who composes the gateway, for the gateway knows no sharing."""

    async def screen(self, body: bytes) -> Screened:
        """The lead of a sign-up, and what the policy made of it."""

    def close(self) -> None:
        """Let go of what it holds."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where a request goes."""

    name: str
    """As figures name it."""
    methods: frozenset[bytes] | None
    """None: any."""
    door: Door | None
    """Whose token opens it; None: anybody's of ours."""
    take: Callable[[Asked], Reply | Later]
    closed: bool = True
    """Whether a token is asked for at all."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the service is made of."""

    decider: Decider
    live: Live
    figures: Figures
    streams: Streams
    state: Callable[[], tuple[bool, dict[str, Any]]]
    """Whether the worker is ready, and what it knows of itself."""
    screening: Screening | None = None
    limits: Limits = field(default_factory=Limits)


class Service:
    """Answers requests, in one event loop."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self._decider, self._live = parts, parts.decider, parts.live
        self._figures = parts.figures
        self._screening = 0
        get, post = frozenset({b"GET", b"HEAD"}), frozenset({b"POST"})
        decide = Door.DECIDE
        self._routes = {
            b"/v1/decide": Route("decide", post, decide, self._decide),
            b"/v1/release": Route("release", post, decide, self._release),
            b"/nginx": Route("nginx", get, decide, self._nginx),
            b"/v1/decisions/stream": Route(
                "stream", frozenset({b"GET"}), Door.STREAM, parts.streams.answer
            ),
            b"/healthz": Route("other", get, None, _healthy, closed=False),
            b"/readyz": Route("other", get, None, self._ready, closed=False),
            b"/metrics": Route("other", get, None, self._metrics),
            b"/openapi.json": Route("other", get, None, _described),
        }
        if parts.screening is not None:
            self._routes[b"/v1/screen"] = Route("screen", post, Door.SCREEN, self._screen)
        self._envoy_route = Route("envoy", None, decide, self._envoy)

    def answer(self, asked: Asked) -> Reply | Later:
        """What a request is answered."""
        began = time.perf_counter()
        path = asked.path
        route = self._routes.get(path)
        if route is None:
            if path != PREFIX and not path.startswith(b"/envoy/"):
                return self._counted("other", began, self._nowhere())
            route = self._envoy_route
        if route.methods is not None and asked.method not in route.methods:
            allowed = ((b"allow", b", ".join(sorted(route.methods))),)
            said = problem(405, "this is asked with another method", allowed)
            return self._counted(route.name, began, said)
        if route.closed and not self._opens(route.door, asked):
            return self._counted(route.name, began, _denied())
        answer = route.take(asked)
        if isinstance(answer, Reply):
            return self._counted(route.name, began, answer)
        return partial(self._in_time, route.name, began, answer)

    def paths(self) -> set[str]:
        """Where something is answered, beside what lies under Envoy's prefix."""
        return {path.decode() for path in self._routes}

    def _nowhere(self) -> Reply:
        known = ", ".join(sorted(self.paths()))
        return problem(404, f"there is {known}, and {PREFIX.decode()}/ for Envoy")

    def refused(self, status: int) -> None:
        """Count what was no request."""
        self._figures.add("refused_total", str(status))

    def undelivered(self, lease: str) -> None:
        """Give back what was taken for an answer that did not arrive."""
        if self._decider.release(lease):
            self._figures.add("undelivered_total")

    def over(self, lease: str) -> bool:
        """The request that a lease was given for is over; whether it still stood."""
        return self._decider.release(lease)

    def decided(self, request: Request) -> Answer:
        """The decision on a request, counted."""
        answer = self._decider.decide(request)
        self._figures.add("decisions_total", answer.effect, answer.scope or "none")
        return answer

    def unusable(self, member: str) -> None:
        """Count a part of a request that could not be used."""
        self._figures.add("unusable_total", member)

    def _opens(self, door: Door | None, asked: Asked) -> bool:
        tokens, given = self._live.tokens, given_token(asked.headers)
        return tokens.opens_any(given) if door is None else tokens.opens(door, given)

    def _counted(self, name: str, began: float, reply: Reply) -> Reply:
        figures = self._figures
        figures.add("requests_total", name, str(reply.status))
        figures.observe(time.perf_counter() - began, "answer_seconds", name)
        return reply

    async def _in_time(self, name: str, began: float, later: Later, writer: Stream) -> Reply | None:
        reply = await later(writer)
        self._counted(name, began, reply or Reply(200))
        return reply

    # Doors

    def _decide(self, asked: Asked) -> Reply:
        try:
            request = asked_request(asked.body, self.unusable)
        except InputError as error:
            return problem(400, str(error))
        answer = self.decided(request)
        body = orjson.dumps(answer_record(answer))
        return Reply(200, body, JSON, answer_fields(answer), answer.lease)

    def _release(self, asked: Asked) -> Reply:
        try:
            said = orjson.loads(asked.body)
        except orjson.JSONDecodeError:
            said = None
        lease = said.get("lease") if isinstance(said, dict) else None
        if not isinstance(lease, str) or not 0 < len(lease) <= self._parts.limits.lease_chars:
            return problem(400, 'the body is {"lease": "…"}, as a decision gave it')
        return told(200, {"released": self.over(lease)})

    def _envoy(self, asked: Asked) -> Reply:
        return self._passed_on(asked, lambda answer: for_envoy(answer, self._live.settings.appeal))

    def _nginx(self, asked: Asked) -> Reply:
        return self._passed_on(asked, for_nginx)

    def _passed_on(self, asked: Asked, spoken: Callable[[Answer], Reply]) -> Reply:
        try:
            request = self._live.reader.request(asked.headers, self.unusable)
        except InputError as error:
            return problem(403, str(error))
        answer = self.decided(request)
        reply = spoken(answer)
        return reply._replace(lease=answer.lease) if answer.lease else reply

    def _screen(self, asked: Asked) -> Reply | Later:
        if self._screening >= self._parts.limits.screening:
            return problem(503, "too many sign-ups at once", ((b"retry-after", b"1"),))
        return partial(self._screened, asked.body)

    async def _screened(self, body: bytes, writer: Stream) -> Reply:
        del writer
        assert self._parts.screening is not None
        self._screening += 1
        try:
            found = await self._parts.screening.screen(body)
        finally:
            self._screening -= 1
        if found.status != 200:
            return told(found.status, found.body)
        answer = self.decided(found.subject)
        said = {**found.body, "standing": answer_record(answer)}
        return told(200, said, answer_fields(answer))._replace(lease=answer.lease)

    def _ready(self, asked: Asked) -> Reply:
        given = given_token(asked.headers)
        if given is not None and not self._live.tokens.opens_any(given):
            return _denied()  # whoever shows one wants to know that it is wrong
        fit, said = self._parts.state()
        if given is None:
            said = {"status": said["status"]}
        return told(200 if fit else 503, said, _UNCACHED)

    def _metrics(self, asked: Asked) -> Reply:
        del asked
        self._parts.state()
        return Reply(200, self._figures.text(), _PROMETHEUS, _UNCACHED)


def _denied() -> Reply:
    return problem(401, "send Authorization: Bearer and the token", _CHALLENGE)


def _healthy(asked: Asked) -> Reply:
    del asked
    return Reply(200, b'{"status":"ok"}', JSON, _UNCACHED)


def _described(asked: Asked) -> Reply:
    del asked
    return Reply(200, document(), JSON)
