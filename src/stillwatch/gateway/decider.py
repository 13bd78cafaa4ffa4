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
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final, NamedTuple, Protocol, Self

from stillwatch.domain.decision import Effect, Rate, Scope
from stillwatch.errors import ConfigError
from stillwatch.gateway.breaker import MASK, Bounds, Breaker
from stillwatch.gateway.knowledge import Knowledge
from stillwatch.gateway.table import PASS, REQUEST_SCOPES, Request, Table, Verdict

_MOST_FACTS: Final = 4096
_MOST_HITS: Final = 2048
_TICK_S: Final = 1.0
_REFUSING: Final = frozenset({Effect.BLOCK, Effect.CHALLENGE, Effect.THROTTLE})
_FAR: Final = float("inf")


class Answer(NamedTuple):
    """What is to happen to a request, and the decision that says so."""

    allowed: bool
    status: int
    """200, 403, 429 or 503."""
    effect: str
    decision: str | None
    """Id; None where nothing stands."""
    reason: str
    """In the decision's words; what happened, where no decision says so; or empty."""
    retry_after_s: float | None
    shadow: tuple[str, ...]
    """Ids of decisions that are only said."""
    age_s: float | None
    """Of the knowledge, to the second; None where there is none."""
    lease: str | None
    """To be given back when the request is over, where concurrency is bounded."""
    cohort: str | None
    """Key of planted marks that a degraded answer is to carry."""
    held_back: bool = False
    """The decision would have refused; the breaker did not let it."""


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


@dataclass(frozen=True, slots=True)
class FailRules:
    """What passes that cannot be judged."""

    closed: frozenset[Scope] = frozenset()
    """Scopes that are refused then; the others pass."""
    stale_s: float = 3600.0
    """Age from which knowledge counts as absent for what it does not name."""

    @classmethod
    def of(cls, said: Mapping[str, str], stale_s: float = 3600.0) -> Self:
        """From settings: scope to ``open`` or ``closed``. Raises ``ConfigError``."""
        for scope, way in said.items():
            if scope not in set(Scope) or way not in ("open", "closed"):
                raise ConfigError(
                    f"fail rule {scope} = {way!r} cannot be used",
                    hint=f"a scope ({', '.join(Scope)}) is open or closed",
                )
        return cls(frozenset(Scope(s) for s, way in said.items() if way == "closed"), stale_s)


@dataclass
class Counts:
    """What was answered since the start. Whole numbers of requests."""

    decided: int = 0
    plain: int = 0
    """Passed with nothing to say about them."""
    effects: Counter[str] = field(default_factory=Counter)
    """By effect of the answer, where a decision says it."""
    throttled: int = 0
    """Of those with ``throttle``: beyond the rate."""
    shadow: Counter[str] = field(default_factory=Counter)
    """By what would have happened."""
    failed_open: Counter[str] = field(default_factory=Counter)
    """By scope: unknown, passed."""
    failed_closed: Counter[str] = field(default_factory=Counter)
    """By scope: unknown, refused."""
    held_back: int = 0
    hits: Counter[str] = field(default_factory=Counter)
    """By decision, shadow ones too; those hit least are forgotten first."""


class _Facts(NamedTuple):
    """What an answer says of a decision."""

    name: bytes
    id: str
    reason: str
    rate: Rate | None
    cohort: str | None
    fresh_until: float
    """Seconds since 1970; the decision is the breaker's business until then."""


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
        self._known: tuple[Table, dict[int, _Facts]] = (knowledge.table, {})
        self._doubt = ""
        self._tick_at = 0.0
        self._age: float | None = None
        self._pass = _passing(None)
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
        if verdict is not PASS or self._doubt:
            return self._weighed(request, table, verdict, now)
        breaker = self.breaker
        who = hash(request[0] or request[1] or request[6])
        with self._lock:
            self._counts.plain += 1
            breaker.total += 1
            breaker.passed[who & MASK] += 1
        return self._pass

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
                kept.effects.copy(),
                kept.throttled,
                kept.shadow.copy(),
                kept.failed_open.copy(),
                kept.failed_closed.copy(),
                kept.held_back,
                kept.hits.copy(),
            )

    def accept(self, for_s: float) -> None:
        """A person has looked: fresh decisions are not held back for so many seconds."""
        with self._lock:
            self.breaker.accept(self._steady(), for_s)

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
        self._pass = _passing(self._age)
        if self._known[0] is not self.knowledge.table:
            self._known = self.knowledge.table, {}  # let go of the old one
        with self._lock:
            self.breaker.tick(steady)

    def _weighed(self, request: Request, table: Table, verdict: Verdict, now: float) -> Answer:
        """The answer where something stands or is unknown."""
        shadow = [(self._facts(table, row).id, table.effect(row)) for row in verdict.shadow]
        stands = verdict.row >= 0
        facts = self._facts(table, verdict.row) if stands else None
        answer = self._pass
        if facts is not None:
            answer = self._answered(verdict, facts, table)
        closed = opened = None
        if answer.allowed and not (stands and verdict.effect is Effect.ALLOW):
            unknown = self._unknown(request, verdict)
            closed = next((scope for scope in unknown if scope in self.rules.closed), None)
            opened = None if closed else unknown
            if closed:
                self._give_back(answer.lease)
                answer = self._shut(closed)
        if facts is not None and not closed and verdict.effect in _REFUSING:
            answer = self._guarded(request, answer, facts, now)
        if shadow:
            answer = answer._replace(shadow=tuple(id_ for id_, _ in shadow))
        self._count(request, answer, shadow, closed, opened or ())
        return answer

    def _answered(self, verdict: Verdict, facts: _Facts, table: Table) -> Answer:
        """What a decision that stands makes of a request."""
        effect = verdict.effect
        if effect is Effect.THROTTLE:
            return self._throttled(verdict, table)
        refused = effect is Effect.BLOCK or effect is Effect.CHALLENGE
        cohort = facts.cohort if effect is Effect.DEGRADE else None
        return Answer(
            not refused,
            403 if refused else 200,
            effect.value,
            facts.id,
            facts.reason,
            None,
            (),
            self._age,
            None,
            cohort,
        )

    def _throttled(self, verdict: Verdict, table: Table) -> Answer:
        """All throttles that stand bind; the tightest is asked first."""
        facts = [self._facts(table, row) for row in (verdict.row, *verdict.more)]
        facts.sort(key=_tightness)
        leases: list[str] = []
        name = Effect.THROTTLE.value
        for one in facts:
            assert one.rate is not None  # checked where it came in
            taken = self.throttles.take(one.name, one.rate)
            if not taken.ok:
                self._give_back("+".join(leases) or None)
                wait, age = taken.retry_after_s, self._age
                return Answer(False, 429, name, one.id, one.reason, wait, (), age, None, None)
            if taken.lease:
                leases.append(taken.lease)
        lease = "+".join(leases) or None
        first = facts[0]
        return Answer(True, 200, name, first.id, first.reason, None, (), self._age, lease, None)

    def _guarded(self, request: Request, answer: Answer, facts: _Facts, now: float) -> Answer:
        """Held back where the breaker says so."""
        if answer.allowed or now >= facts.fresh_until:
            return answer
        who = hash(request[0] or request[1] or request[6])
        with self._lock:
            held = self.breaker.refuse(who, now - self._clock.base)
            self._counts.held_back += held
        if not held:
            return answer
        return answer._replace(
            allowed=True,
            status=200,
            effect=Effect.OBSERVE.value,
            retry_after_s=None,
            held_back=True,
        )

    def _unknown(self, request: Request, verdict: Verdict) -> list[Scope]:
        """By which scopes a request cannot be judged."""
        if self._doubt:
            fields = zip(REQUEST_SCOPES, request, strict=True)
            return [scope for scope, value in fields if value is not None]
        return [Scope.RANGE] if verdict.unread else []

    def _shut(self, scope: Scope) -> Answer:
        why = self._doubt or "the address cannot be read"
        reason = f"{why}, and requests by {scope.value} are refused then"
        return Answer(False, 503, "closed", None, reason, 5.0, (), self._age, None, None)

    def _give_back(self, lease: str | None) -> None:
        if lease:
            self.release(lease)

    def _count(
        self,
        request: Request,
        answer: Answer,
        shadow: list[tuple[str, Effect]],
        closed: Scope | None,
        opened: list[Scope] | tuple[()],
    ) -> None:
        counts = self._counts
        with self._lock:
            counts.decided += 1
            self.breaker.total += 1
            if answer.allowed and not answer.held_back:
                who = hash(request[0] or request[1] or request[6])
                self.breaker.passed[who & MASK] += 1
            if answer.decision is not None:
                counts.effects[answer.effect] += 1
                counts.throttled += answer.status == 429
                counts.hits[answer.decision] += 1
            for id_, effect in shadow:
                counts.shadow[effect.value] += 1
                counts.hits[id_] += 1
            for scope in opened:
                counts.failed_open[scope.value] += 1
            if closed:
                counts.failed_closed[closed.value] += 1
            if len(counts.hits) > _MOST_HITS:
                counts.hits = Counter(dict(counts.hits.most_common(_MOST_HITS // 2)))

    def _facts(self, table: Table, row: int) -> _Facts:
        """What is said of a decision; a row stands for the same one for ever."""
        of, known = self._known
        if of is not table or len(known) > _MOST_FACTS:
            known = {}
            self._known = table, known
        facts = known.get(row)
        if facts is None:
            facts = known[row] = _read(table, row, self.breaker.bounds.fresh_s)
        return facts


def _passing(age: float | None) -> Answer:
    return Answer(True, 200, Effect.ALLOW.value, None, "", None, (), age, None, None)


def _read(table: Table, row: int, fresh_s: float) -> _Facts:
    rest: dict[str, Any] = table.rest(row)
    rate = rest.get("rate")
    by_policy = rest["origin"].startswith("policy:")
    return _Facts(
        table.name(row),
        table.id(row),
        rest["reason"],
        Rate(**rate) if rate else None,
        rest.get("cohort"),
        rest["made"] + fresh_s if by_policy else 0.0,
    )


def _tightness(facts: _Facts) -> tuple[float, float]:
    assert facts.rate is not None
    return facts.rate.per_minute or _FAR, facts.rate.concurrency or _FAR
