"""Screening over HTTP for the lab's own sign-up service: one raw ASGI application.

``POST /v1/screen`` takes a sign-up as JSON and answers its lead; ``/healthz``, ``/readyz`` and
``/metrics`` are for those who run it. Rules

    * Whoever knows the token may ask; it is compared in constant time.
    * An answer comes by the deadline: where nothing could be found out, it says ``screened: false``
      with status 200, for the sign-up passes.
    * Bodies, sign-ups in work and waiting ones are bounded; no identifier is logged or told back.
"""

import asyncio
import hmac
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import orjson

from stillwatch.domain.lead import Lead
from stillwatch.errors import InputError, PeerError, StillwatchError
from stillwatch.sharing.identifiers.fields import Layout
from stillwatch.sharing.matching.labs import Labs, Newest
from stillwatch.sharing.matching.screening import Screener, unscreened
from stillwatch.sharing.matching.signup import MOST_BYTES, parse_signup, screen_signup

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

log = logging.getLogger("stillwatch.screen")
_GRACE_S: Final = 0.05
"""Beyond the evaluators' deadline, for the work at home."""


@dataclass(frozen=True, slots=True)
class FaceLimits:
    """What askers may cost."""

    threads: int = 8
    waiting: int = 128
    """Sign-ups at once; a further one passes unscreened."""
    body_seconds: float = 5.0
    settle_seconds: float = 1.0
    """How often audits are looked after."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back."""

    status: int
    body: Any
    media: str = "application/json"


class Refused(Exception):
    """A request that is not answered with a lead."""

    def __init__(self, status: int, title: str, description: str) -> None:
        super().__init__(title)
        self.answer = Answer(status, {"title": title, "description": description})


class Face:
    """The application; its lifespan starts and ends the work in the background."""

    def __init__(
        self,
        screener: Screener,
        labs: Labs,
        tags: Newest,
        layout: Layout,
        token: str,
        deadline_s: float,
        limits: FaceLimits | None = None,
    ) -> None:
        self._screener, self._labs, self._tags, self._layout = screener, labs, tags, layout
        self._expected = f"Bearer {token}".encode()
        self._deadline_s, self._limits = deadline_s, limits or FaceLimits()
        self._threads = ThreadPoolExecutor(self._limits.threads, "stillwatch-screen")
        self._counts = Counter[str]()
        self._seconds = 0.0
        self._working = 0
        self._audits: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the lifespan."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        try:
            answer = await self._answer(scope, receive)
        except Refused as refused:
            answer = refused.answer
        except Exception as error:
            log.exception("an error of the service: %s", type(error).__name__, exc_info=False)
            answer = Answer(500, {"title": "Error", "description": type(error).__name__})
        self._counts[f"answers {answer.status}"] += 1
        body = answer.body.encode() if isinstance(answer.body, str) else orjson.dumps(answer.body)
        headers = {"content-type": answer.media, "content-length": str(len(body))}
        headers["cache-control"] = "no-store"
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        method, path = scope["method"], scope["path"]
        if path == "/v1/screen":
            if method != "POST":
                raise Refused(405, "Method Not Allowed", "POST a sign-up")
            self._known(scope)
            return Answer(200, await self._screen(await self._body(receive)))
        if method == "GET" and path == "/healthz":
            return Answer(200, {"status": "ok"})
        if method == "GET" and path == "/readyz":
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._ready)
        if method == "GET" and path == "/metrics":
            return Answer(200, self._figures(), "text/plain; version=0.0.4")
        raise Refused(404, "Not Found", "there is /v1/screen, /healthz, /readyz and /metrics")

    def _known(self, scope: Scope) -> None:
        given = next((v for k, v in scope["headers"] if k == b"authorization"), b"")
        if not hmac.compare_digest(given, self._expected):
            raise Refused(401, "Unauthorized", "send Authorization: Bearer and the token")

    async def _body(self, receive: Receive) -> bytes:
        parts, size = list[bytes](), 0
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Refused(400, "Bad Request", "the body broke off")
                    size += len(message.get("body", b""))
                    if size > MOST_BYTES:
                        raise Refused(413, "Too Large", f"a sign-up has at most {MOST_BYTES} bytes")
                    parts.append(message.get("body", b""))
                    if not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError:
            raise Refused(408, "Request Timeout", "the body did not come in time") from None

    async def _screen(self, body: bytes) -> dict[str, Any]:
        """The lead, by the deadline."""
        began = time.perf_counter()
        try:
            record = parse_signup(body)
            lead = await self._by_deadline(record)
        except InputError as error:
            raise Refused(422, "Unusable sign-up", str(error)) from None
        except StillwatchError as error:
            lead = unscreened("", error)
        self._seconds += time.perf_counter() - began
        self._counts[f"leads {lead.step.word}" if lead.screened else "unscreened"] += 1
        return lead.record()

    async def _by_deadline(self, record: dict[str, Any]) -> Lead:
        if self._working >= self._limits.waiting:
            return unscreened("", PeerError("too many sign-ups at once"))
        self._working += 1
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(
            self._threads, screen_signup, record, self._layout, self._screener
        )
        work.add_done_callback(self._over)
        try:
            return await asyncio.wait_for(asyncio.shield(work), self._deadline_s + _GRACE_S)
        except TimeoutError:
            return unscreened("", PeerError("the deadline came first"))

    def _over(self, work: asyncio.Future[Lead]) -> None:
        self._working -= 1
        if not work.cancelled():
            work.exception()  # of one that nobody waits for any more

    def _ready(self) -> Answer:
        """Whether a sign-up would be screened now."""
        try:
            tags, epochs = self._tags(), self._labs.epochs()
            out = {name: self._labs.tagger(name).out() for name in epochs}
            roster = {name: self._labs.tagger(name).can_ask() for name in epochs}
        except StillwatchError as error:
            return Answer(503, {"status": "not ready", "why": str(error)})
        said = {"rows": len(tags), "epochs": epochs, "evaluators_out": out}
        fit = bool(tags.sources) and bool(epochs) and all(roster.values())
        return Answer(200 if fit else 503, {"status": "ready" if fit else "not ready", **said})

    def _figures(self) -> str:
        counts = dict(self._counts)
        lines = ["# TYPE stillwatch_screen_total counter"]
        lines += [
            f'stillwatch_screen_total{{what="{what}"}} {n}' for what, n in sorted(counts.items())
        ]
        lines += [
            "# TYPE stillwatch_screen_seconds_total counter",
            f"stillwatch_screen_seconds_total {self._seconds:.6f}",
            "# TYPE stillwatch_screen_in_work gauge",
            f"stillwatch_screen_in_work {self._working}",
        ]
        return "\n".join([*lines, ""])

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._audits = asyncio.create_task(self._settling())
                await send({"type": "lifespan.startup.complete"})
            else:
                if self._audits is not None:
                    self._audits.cancel()
                await asyncio.to_thread(self._threads.shutdown)
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _settling(self) -> None:
        """Audits, in the background: what they find is told in the log and by ``--evaluators``."""
        told = set[str]()
        while True:
            await asyncio.sleep(self._limits.settle_seconds)
            try:
                await asyncio.to_thread(self._labs.settle)
            except StillwatchError as error:
                log.warning("an audit failed: %s", error)
            for liar in self._labs.liars() - told:
                told.add(liar)
                log.error("evaluator %s answered wrongly and is set aside", liar)
