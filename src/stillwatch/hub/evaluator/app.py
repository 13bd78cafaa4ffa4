"""The evaluator as one raw ASGI application; read this first.

The way of an evaluation, each step before the next one costs anything:

1. the query is understood, and the members' file is believed (``members``);
2. the signature holds, for this host, method, path, query and body digest (``crypto.httpsig``);
3. its key is of a member that takes part;
4. the body has come, is not too long, and is the one that was signed;
5. the share that is asked for is held and its epoch is open (``shares``);
6. the elements are counted against the quota, with the nonce, durably (``ledger``);
7. they are multiplied (``pools``), and the answer leaves.

Rules: whatever fails is told as JSON ``{"title", "description"}`` and counted, nothing is answered
that was not charged, and no element, signature or share is logged.
"""

import asyncio
import contextlib
import json
import logging
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import Any, Final

from stillwatch.crypto.httpsig import Parameters, check_body
from stillwatch.errors import InputError, StillwatchError
from stillwatch.hub.clock import now as microseconds
from stillwatch.hub.database import Database
from stillwatch.hub.evaluator import audit, incoming, ledger, schema
from stillwatch.hub.evaluator.audit import HOUR, Kind
from stillwatch.hub.evaluator.incoming import Head, Receive, Scope, Send, check_rate, verified
from stillwatch.hub.evaluator.ledger import Charge, Spent
from stillwatch.hub.evaluator.limits import Limits
from stillwatch.hub.evaluator.members import ACTIVE, Member, Members, NoMembers
from stillwatch.hub.evaluator.metrics import CONTENT_TYPE, Metrics
from stillwatch.hub.evaluator.pools import Pools
from stillwatch.hub.evaluator.query import Question, parse
from stillwatch.hub.evaluator.refusals import Refused, refusal
from stillwatch.hub.evaluator.shares import Held, Shares, elements_of
from stillwatch.hub.evaluator.writer import Writer
from stillwatch.hub.gate import Rate

log = logging.getLogger("stillwatch.evaluator")
_JSON: Final = "application/json"
_BYTES: Final = "application/octet-stream"
_FORWARDED: Final = frozenset((b"forwarded", b"x-forwarded-for", b"x-real-ip"))


def seconds() -> int:
    """The evaluator's clock, seconds since 1970."""
    return microseconds() // 1_000_000


@dataclass(frozen=True, slots=True)
class Parts:
    """What an evaluator is made of."""

    database: Database
    shares: Shares
    members: Members
    authorities: frozenset[str]
    """Values of Host under which it is reached, lower case: a signature binds one of them."""
    limits: Limits = field(default_factory=Limits)
    clock: Callable[[], int] = seconds


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back."""

    status: int
    body: bytes
    media: str = _JSON
    headers: tuple[tuple[str, str], ...] = ()


class Evaluator:
    """The application; ``close`` it when it has stopped."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self._limits, self._clock = parts, parts.limits, parts.clock
        self._shares, self._members = parts.shares, parts.members
        self._writer = Writer(parts.database, parts.limits, parts.clock)
        self._pools = Pools()
        self._rate = Rate(parts.limits.requests_per_minute)
        self._working = 0
        self._metrics = Metrics(
            {
                "members_age_seconds": ("Age of the members' file.", parts.members.age),
                "epochs_open": (
                    "Shares whose epoch is open today.",
                    lambda: len(parts.shares.answering(self._clock())),
                ),
                "epoch_days_left": ("Days to the end of the last epoch held.", self._days_left),
                "requests_in_work": ("Requests in work.", lambda: self._working),
            }
        )
        self._routes: dict[tuple[str, str], Callable[[Scope, Receive], Awaitable[Answer]]] = {
            ("POST", "/v1/evaluate"): self._evaluate,
            ("GET", "/v1/me"): self._me,
            ("GET", "/v1/epochs"): self._epochs,
            ("GET", "/healthz"): self._alive,
            ("GET", "/readyz"): self._ready,
            ("GET", "/metrics"): self._figures,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        path = scope["path"]
        route = path if any(path == known for _, known in self._routes) else "unmatched"
        self._working += 1
        try:
            answer = await self._answer(scope, receive)
        finally:
            self._working -= 1
        self._metrics.answered(route, answer.status)
        headers = [("content-type", answer.media), ("content-length", str(len(answer.body)))]
        headers += [*answer.headers, ("cache-control", "no-store")]
        raw = [(name.encode(), value.encode()) for name, value in headers]
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        await send({"type": "http.response.body", "body": answer.body})

    def close(self) -> None:
        """Write what waits and give everything back."""
        self._pools.close()
        self._writer.close()
        self._parts.database.close()

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await asyncio.to_thread(self.close)
                await send({"type": "lifespan.shutdown.complete"})
                return
            await send({"type": "lifespan.startup.complete"})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        try:
            return await self._handler(scope)(scope, receive)
        except Exception as error:
            known = refusal(error)
            if known is None:
                # the kind of error and its place, never its words: they might quote what was sent
                at = traceback.extract_tb(error.__traceback__)[-1]
                where = f"{type(error).__name__} in {at.name}, line {at.lineno}"
                log.error("an error of the evaluator: %s", where)  # noqa: TRY400
                known = Refused(500, "error", "an error of the evaluator; its log has the kind")
            elif known.reason in ("members", "database"):
                log.warning("refused with %s: %s", known.status, error)
            self._metrics.refused(known.reason)
            return Answer(known.status, known.body(), headers=tuple(known.headers.items()))

    def _handler(self, scope: Scope) -> Callable[[Scope, Receive], Awaitable[Answer]]:
        if self._working > self._limits.waiting:
            raise Refused(503, "busy", "too many requests at once", headers={"Retry-After": "1"})
        handler = self._routes.get((scope["method"], scope["path"]))
        if handler is not None:
            return handler
        allowed = ", ".join(method for method, path in self._routes if path == scope["path"])
        if allowed:
            raise Refused(405, "form", f"allowed here: {allowed}", headers={"Allow": allowed})
        raise Refused(404, "form", "there is no such path")

    async def _evaluate(self, scope: Scope, receive: Receive) -> Answer:
        head = incoming.head(scope, self._limits)
        said, member = self._signed(head)
        kind = Kind(self._clock() // HOUR, member.identity, "", 0, "")
        try:
            asked = parse(head.query)
            body = await incoming.body(receive, self._limits)
            check_body(head.headers, body)
            held = self._shares.choose(asked, self._clock())
            kind = Kind(kind.hour, kind.member, held.epoch, held.generation, "")
            elements = elements_of(body)
            if not elements:
                raise InputError("the body holds no element")
            remaining = await self._charge(said, kind, len(elements), proof=asked.proof)
            return await self._multiplied(held, asked, elements, remaining)
        except StillwatchError as error:
            self._count(kind, error)
            raise

    async def _multiplied(
        self, held: Held, asked: Question, elements: list[Any], remaining: int
    ) -> Answer:
        began = time.perf_counter()
        part = await self._pools.evaluate(held, asked, elements)
        took = time.perf_counter() - began
        self._metrics.evaluated(held.epoch, held.generation, len(elements), took)
        left = (("stillwatch-quota-remaining", str(remaining)),)
        return Answer(200, part.to_bytes(), _BYTES, left)

    async def _charge(self, said: Parameters, kind: Kind, elements: int, *, proof: bool) -> int:
        at = self._clock()
        charge = Charge(kind.member, said.key, said.nonce, said.created, elements, at)
        counts = {_what(kind, "requests"): 1, _what(kind, "elements"): elements}
        if proof:
            counts[_what(kind, "proofs")] = 1

        def job(connection: Any) -> int:
            remaining = ledger.charge(connection, charge, self._limits)
            if elements:
                audit.count(connection, counts)
            return remaining

        return int(await asyncio.wrap_future(self._writer.submit(job)))

    def _signed(self, head: Head) -> tuple[Parameters, Member]:
        """Who asks; nothing of a body is read before."""
        at = self._clock()
        roll = self._members.now()
        nobody = Kind(at // HOUR, "", "", 0, "")
        with self._counted(nobody):
            said = verified(head, self._parts.authorities, roll.keys, at)
        member = roll.holders[said.key]
        with self._counted(replace(nobody, member=member.identity)):
            check_rate(self._rate.wait(member.identity, time.monotonic()), self._limits)
            if member.state != ACTIVE:
                said_of = f"{member.name} or the key it signed with is {member.state}"
                raise Refused(403, "member", said_of)
        return said, member

    @contextlib.contextmanager
    def _counted(self, kind: Kind) -> Iterator[None]:
        """Count a refusal in the audit."""
        try:
            yield
        except StillwatchError as error:
            self._count(kind, error)
            raise

    def _count(self, kind: Kind, error: StillwatchError) -> None:
        known = refusal(error)
        reason = "error" if known is None else known.reason
        self._writer.refused(_what(kind, f"refused.{reason}"))

    async def _me(self, scope: Scope, receive: Receive) -> Answer:
        head = incoming.head(scope, self._limits)
        said, member = self._signed(head)
        check_body(head.headers, await incoming.body(receive, self._limits))
        kind = Kind(self._clock() // HOUR, member.identity, "", 0, "")
        with contextlib.suppress(Spent):
            await self._charge(said, kind, 0, proof=False)
        account = await asyncio.to_thread(self._account, member.identity)
        told = {
            "member": member.name,
            "identity": member.identity,
            "daily": account.daily,
            "used": account.used,
            "remaining": account.remaining,
            "resets": account.resets,
            "grants": [
                {"elements": one.elements, "used": one.used, "until_day": one.until}
                for one in account.grants
            ],
        }
        return Answer(200, json.dumps(told).encode())

    def _account(self, identity: str) -> ledger.Account:
        with self._parts.database.read() as connection:
            return ledger.account(connection, identity, self._limits, self._clock())

    async def _epochs(self, _scope: Scope, _receive: Receive) -> Answer:
        documents = b",".join(one.document for one in self._shares.held)
        return Answer(200, b'{"epochs":[' + documents + b"]}")

    async def _alive(self, _scope: Scope, _receive: Receive) -> Answer:
        return Answer(200, b'{"status":"ok"}')

    async def _ready(self, _scope: Scope, _receive: Receive) -> Answer:
        checks = await asyncio.to_thread(self._checks)
        fine = set(checks.values()) == {"ok"}
        told = {"status": "ready" if fine else "not ready", "checks": checks}
        return Answer(200 if fine else 503, json.dumps(told).encode())

    def _checks(self) -> dict[str, str]:
        checks = {"share": "ok", "database": "ok", "members": "ok"}
        if not self._shares.answering(self._clock()):
            checks["share"] = "no share of an open epoch is held"
        try:
            self._members.now()
        except NoMembers as error:
            checks["members"] = error.message
        try:
            schema.check_there(self._parts.database)
        except StillwatchError:
            checks["database"] = "the quota database does not answer"
        return checks

    async def _figures(self, scope: Scope, _receive: Receive) -> Answer:
        if not _local(scope):
            raise Refused(403, "form", "figures are for the evaluator's own machine")
        return Answer(200, self._metrics.text(), CONTENT_TYPE)

    def _days_left(self) -> float:
        lasts = [one.last for one in self._shares.held]
        if not lasts:
            return 0.0
        return (max(lasts).toordinal() - 719_163) - self._clock() // 86_400 + 1.0


def _what(kind: Kind, what: str) -> Kind:
    return Kind(kind.hour, kind.member, kind.epoch, kind.generation, what)


def _local(scope: Scope) -> bool:
    """Whether the caller sits on this machine and no proxy speaks for it."""
    if not scope.get("client") or any(name.lower() in _FORWARDED for name, _ in scope["headers"]):
        return False
    try:
        return ip_address(scope["client"][0]).is_loopback
    except ValueError:
        return False
