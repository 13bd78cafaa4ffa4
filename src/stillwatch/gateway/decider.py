"""One request in, one answer out: the table's verdict, throttles, fail rules and the breaker.

Rules
    * Unknown passes, unless the settings close a scope that the request carries: knowledge is
      absent or older than ``stale_s``, or the value given cannot be read. Both are counted. A field
      that is absent is not unknown. What is known stands however old the knowledge is.
    * A refusal by a fresh decision of a policy is held back while the breaker is tripped: said,
      counted, not done.
    * Nothing here waits or reads a disk; what is rare is kept out of the way of what is not.

    status      200 passes, perhaps degraded; 403 blocked or challenged; 429 beyond the rate;
                503 unknown, and the scope is closed
"""

from collections import Counter
from collections.abc import Sequence
from threading import Lock
from typing import Final, NamedTuple, Protocol

from stillwatch.domain.decision import Effect, Rate, Scope
from stillwatch.gateway.answer import Answer, Found, Reader, passing
from stillwatch.gateway.breaker import MASK, Bounds, Breaker
from stillwatch.gateway.counts import Counts, Hits
from stillwatch.gateway.failing import FailRules
from stillwatch.gateway.knowledge import Knowledge
from stillwatch.gateway.table import PASS, REQUEST_SCOPES, Request, Table, Verdict

__all__ = ["Answer", "Decider", "FailRules", "Taken", "Throttling"]

_TICK_S: Final = 1.0
_THROTTLE: Final = Effect.THROTTLE
_FAR: Final = float("inf")


class Taken(NamedTuple):
    """What a throttle says."""

    ok: bool
    retry_after_s: float = 0.0
    lease: str | None = None


class Throttling(Protocol):
    """What the decider needs of throttles."""

    def take(self, decision: bytes, rate: Rate) -> Taken:
        """One request of a decision's subject."""

    def release(self, lease: str) -> bool:
        """A request is over."""


class Decider:
    """Decides in any thread."""

    def __init__(
        self,
        knowledge: Knowledge,
        throttles: Throttling,
        rules: FailRules | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        self.knowledge = knowledge
        self.throttles = throttles
        self.rules = rules or FailRules()
        self.breaker = Breaker(bounds)
        self._clock = knowledge.clock
        self._steady = knowledge.clock.steady
        self._lock = Lock()
        self._counts = Counts()
        self._hits = Hits(knowledge.table)
        self._effects = {effect.value: 0 for effect in Effect}
        self._reader = Reader(knowledge.table)
        self._doubt = ""
        self._tick_at = 0.0
        self._age: float | None = None
        self._pass = passing(None)
        self._stop_listening = knowledge.listen(self._look)
        self._look()

    def close(self) -> None:
        """Hear no more of the knowledge."""
        self._stop_listening()

    def decide(self, request: Request) -> Answer:
        """What is to happen to a request, now."""
        steady = self._steady()
        if steady >= self._tick_at:
            self._tick(steady)
        table, now = self.knowledge.table, self._clock.base + steady
        verdict = table.verdict(request, now)
        if verdict is PASS and not self._doubt:
            who, breaker = hash(request[0] or request[1] or request[6]) & MASK, self.breaker
            with self._lock:
                self._counts.plain += 1
                breaker.total += 1
                breaker.passed[who] += 1
            return self._pass
        effect, row, _, shadow, unread = verdict
        if self._doubt or shadow or unread or effect is _THROTTLE:
            return self._weighed(request, table, verdict, now)
        # nearly always: one decision says all
        who, breaker = hash(request[0] or request[1] or request[6]) & MASK, self.breaker
        answer = Found(effect, table, row, self._age, self._reader)
        with self._lock:
            breaker.total += 1
            if answer.allowed:
                breaker.passed[who] += 1
            elif now < table.made(row) + breaker.bounds.fresh_s and breaker.refuse(who, steady):
                self._counts.held_back += 1
                answer.hold_back()
            self._counts.decided += 1
            self._effects[answer.effect] += 1
            self._hits.add(table, row)
        return answer

    def release(self, lease: str) -> bool:
        """A request under a bound on concurrency is over; whether its lease still stood."""
        stood = [self.throttles.release(one) for one in lease.split("+")]  # every one
        return all(stood)

    def counts(self) -> Counts:
        """What was answered so far: a copy."""
        with self._lock:
            kept = self._counts
            return Counts(
                kept.plain + kept.decided,
                kept.plain,
                Counter({name: n for name, n in self._effects.items() if n}),
                kept.throttled,
                kept.shadow.copy(),
                kept.failed_open.copy(),
                kept.failed_closed.copy(),
                kept.held_back,
                self._hits.most(),
            )

    def bound(self, bounds: Bounds, *, accepted_s: float = 0.0) -> None:
        """Other bounds of the breaker; a person bears for so many seconds that nothing is held."""
        with self._lock:
            self.breaker.bounds = bounds
            self.breaker.accept(self._steady(), accepted_s)

    def _look(self) -> None:
        """Something is new: the next request looks at what it is."""
        self._tick_at = 0.0

    def _tick(self, steady: float) -> None:
        """Once a second: how old the knowledge is, and how the breaker stands."""
        self._tick_at = steady + _TICK_S
        age = self.knowledge.age_s()
        if age is None:
            self._doubt = "nothing is known yet"
        elif age > self.rules.stale_s:
            self._doubt = "what is known is too old"
        else:
            self._doubt = ""
        self._age = None if age is None else float(int(age))
        self._pass = passing(self._age)
        self._reader.turn(self.knowledge.table)
        with self._lock:
            self._hits.turn(self.knowledge.table)  # let go of the old one
            self.breaker.tick(steady)

    def _weighed(self, request: Request, table: Table, verdict: Verdict, now: float) -> Answer:
        """The answer where something stands or is unknown."""
        effect, row, _, said, unread = verdict
        found = None if row < 0 else self._found(verdict, table)
        answer = found or passing(self._age)
        opened: tuple[Scope, ...] = ()
        allow = found is not None and effect is Effect.ALLOW
        closed: Scope | None = None
        if (unread or self._doubt) and answer.allowed and not allow:
            closed, opened = self._unknown(request)
            if closed:
                self._give_back(answer.lease)
                found, answer = None, self._shut(closed)
        if said:
            answer.shadow = tuple(table.id(one) for one in said)
        slot = hash(request[0] or request[1] or request[6]) & MASK
        with self._lock:
            self._counts.decided += 1
            self.breaker.total += 1
            if answer.allowed:
                self.breaker.passed[slot] += 1
            elif (
                found
                and now < table.made(row) + self.breaker.bounds.fresh_s
                and self.breaker.refuse(slot, now - self._clock.base)
            ):
                self._counts.held_back += 1
                found.hold_back()
            if found:
                self._hits.add(table, row)
                self._effects[answer.effect] += 1
            if answer.status != 200 or said or opened:
                self._aside(answer, table, said, closed, opened)
        return answer

    def _aside(
        self,
        answer: Answer,
        table: Table,
        shadow: Sequence[int],
        closed: Scope | None,
        opened: Sequence[Scope],
    ) -> None:
        """Count what is rarer; the lock is held."""
        counts = self._counts
        counts.throttled += answer.status == 429
        for row in shadow:
            counts.shadow[table.effect(row).value] += 1
            self._hits.add(table, row)
        for scope in opened:
            counts.failed_open[scope.value] += 1
        if closed:
            counts.failed_closed[closed.value] += 1

    def _found(self, verdict: Verdict, table: Table) -> Found:
        """What the decisions say that stand; all throttles bind, the tightest is asked first."""
        effect, row, more, _, _ = verdict
        if effect is not _THROTTLE:
            return Found(effect, table, row, self._age, self._reader)
        both = [(self._rate(table, one), one) for one in (row, *more)]
        both.sort(key=lambda one: _tightness(one[0]))
        leases: list[str] = []
        for rate, one in both:
            taken = self.throttles.take(table.name(one), rate)
            if not taken.ok:
                self._give_back("+".join(leases))
                refused = Found(effect, table, one, self._age, self._reader)
                refused.wait(taken.retry_after_s)
                return refused
            if taken.lease:
                leases.append(taken.lease)
        passed = Found(effect, table, both[0][1], self._age, self._reader)
        passed.lease = "+".join(leases) or None
        return passed

    def _unknown(self, request: Request) -> tuple[Scope | None, tuple[Scope, ...]]:
        """The first closed scope by which a request cannot be judged; else those it passes by."""
        unknown: tuple[Scope, ...] = (Scope.RANGE,)
        if self._doubt:
            fields = zip(REQUEST_SCOPES, request, strict=True)
            unknown = tuple(scope for scope, value in fields if value is not None)
        closed = next((scope for scope in unknown if scope in self.rules.closed), None)
        return closed, () if closed else unknown

    def _shut(self, scope: Scope) -> Answer:
        why = self._doubt or "the address cannot be read"
        reason = f"{why}, and requests by {scope.value} are refused then"
        return Answer(False, 503, "closed", None, reason, 5.0, (), self._age, None, None)

    def _give_back(self, lease: str | None) -> None:
        if lease:
            self.release(lease)

    def _rate(self, table: Table, row: int) -> Rate:
        rate = self._reader.facts(table, row).rate
        assert rate is not None  # checked where it came in
        return rate


def _tightness(rate: Rate) -> tuple[float, float]:
    return rate.per_minute or _FAR, rate.concurrency or _FAR
