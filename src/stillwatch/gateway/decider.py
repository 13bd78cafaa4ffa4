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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Final, NamedTuple, Protocol, Self

from stillwatch.domain.decision import Effect, Rate, Scope
from stillwatch.errors import ConfigError
from stillwatch.gateway.breaker import MASK, Bounds, Breaker
from stillwatch.gateway.knowledge import Knowledge
from stillwatch.gateway.table import PASS, REQUEST_SCOPES, Request, Table, Verdict

_PLACES: Final = 4096
"""Decisions whose facts are at hand, and whose hits are counted; a power of two."""
_SPREAD: Final = 2_654_435_761
"""Rows that are hit often may lie in step (Knuth, vol. 3, 6.4)."""
_TICK_S: Final = 1.0
_THROTTLE: Final = Effect.THROTTLE
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
    scope: str | None = None
    """What the decision is about; None where nothing stands."""


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
    hits: dict[str, int] = field(default_factory=dict)
    """By decision, shadow ones too, those hit most first; see ``_Hits``."""


class _Hits:
    """How often decisions were hit, in bounded memory and time.

    Each decision has one of 4,096 places by its row. One that finds its place taken lowers the
    other's number and takes the place at 0 (the majority vote of Boyer and Moore, place by place):
    those hit most stay, and a number says "at least".
    """

    def __init__(self) -> None:
        self._ids: list[str] = [""] * _PLACES
        self._numbers = [0] * _PLACES

    def add(self, id_: str, row: int) -> None:
        """One more."""
        place = (row * _SPREAD >> 16) & (_PLACES - 1)
        if self._ids[place] == id_:
            self._numbers[place] += 1
        elif self._numbers[place] <= 1:
            self._ids[place], self._numbers[place] = id_, 1
        else:
            self._numbers[place] -= 1

    def most(self) -> dict[str, int]:
        """Those hit most first."""
        both = [one for one in zip(self._ids, self._numbers, strict=True) if one[1]]
        return dict(sorted(both, key=lambda one: -one[1]))


class _Facts(NamedTuple):
    """What is said of a decision."""

    id: str
    effect: Effect
    answer: Answer
    """Where it alone stands and nothing is in doubt; made anew when the knowledge is older."""
    rate: Rate | None
    fresh_until: float
    """Seconds since 1970; the decision is the breaker's business until then."""


_Cache = list[tuple[int, _Facts] | None]
_made = tuple.__new__


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
        self._hits = _Hits()
        self._effects = {effect.value: 0 for effect in Effect}
        self._known: tuple[Table, _Cache] = (knowledge.table, _empty())
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
        if self._doubt or verdict[3] or verdict[4] or verdict[0] is _THROTTLE:
            return self._weighed(request, table, verdict, now)
        # from here on what is usual: nothing stands, or one decision that has its answer
        who = hash(request[0] or request[1] or request[6])
        breaker = self.breaker
        if verdict is PASS:
            with self._lock:
                self._counts.plain += 1
                breaker.total += 1
                breaker.passed[who & MASK] += 1
            return self._pass
        id_, _, answer, _, fresh_until = self._facts(table, verdict[1])
        with self._lock:
            breaker.total += 1
            if answer[0]:
                breaker.passed[who & MASK] += 1
            elif now < fresh_until and breaker.refuse(who & MASK, steady):
                self._counts.held_back += 1
                answer = _held_back(answer)
            self._counts.decided += 1
            self._effects[answer[2]] += 1
            self._hits.add(id_, verdict[1])
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
            self._known = self.knowledge.table, _empty()  # let go of the old one
        with self._lock:
            self.breaker.tick(steady)

    def _weighed(self, request: Request, table: Table, verdict: Verdict, now: float) -> Answer:
        """The answer where something stands or is unknown."""
        effect, row, _, said, unread = verdict
        facts = self._facts(table, row) if row >= 0 else None
        if facts is None:
            answer = self._pass
        elif effect is Effect.THROTTLE:
            answer = self._throttled(verdict, table)
        else:
            answer = facts.answer
        closed: Scope | None = None
        opened: tuple[Scope, ...] = ()
        if (unread or self._doubt) and answer.allowed and not (facts and effect is Effect.ALLOW):
            closed, opened = self._unknown(request)
            if closed:
                self._give_back(answer.lease)
                answer = self._shut(closed)
        shadow = [self._facts(table, one) for one in said] if said else ()
        if shadow:
            answer = answer._replace(shadow=tuple(one.id for one in shadow))
        fresh = facts is not None and now < facts.fresh_until and not closed
        slot = hash(request[0] or request[1] or request[6]) & MASK
        with self._lock:
            self._counts.decided += 1
            self.breaker.total += 1
            if answer.allowed:
                self.breaker.passed[slot] += 1
            elif fresh and self.breaker.refuse(slot, now - self._clock.base):
                self._counts.held_back += 1
                answer = _held_back(answer)
            if facts is not None and not closed:
                self._hits.add(facts.id, row)
                self._effects[answer.effect] += 1
            if answer.status != 200 or shadow or opened:
                self._aside(answer, list(zip(shadow, said, strict=True)), closed, opened)
        return answer

    def _aside(
        self,
        answer: Answer,
        shadow: Sequence[tuple[_Facts, int]],
        closed: Scope | None,
        opened: Sequence[Scope],
    ) -> None:
        """Count what is rarer; the lock is held."""
        counts = self._counts
        counts.throttled += answer.status == 429
        for facts, row in shadow:
            counts.shadow[facts.effect.value] += 1
            self._hits.add(facts.id, row)
        for scope in opened:
            counts.failed_open[scope.value] += 1
        if closed:
            counts.failed_closed[closed.value] += 1

    def _throttled(self, verdict: Verdict, table: Table) -> Answer:
        """All throttles that stand bind; the tightest is asked first."""
        rows = [verdict.row, *verdict.more]
        rows.sort(key=lambda row: _tightness(self._facts(table, row)))
        leases: list[str] = []
        for row in rows:
            facts = self._facts(table, row)
            assert facts.rate is not None  # checked where it came in
            taken = self.throttles.take(table.name(row), facts.rate)
            if not taken.ok:
                self._give_back("+".join(leases))
                wait = taken.retry_after_s
                return facts.answer._replace(allowed=False, status=429, retry_after_s=wait)
            if taken.lease:
                leases.append(taken.lease)
        first = self._facts(table, rows[0]).answer
        return first._replace(lease="+".join(leases) or None)

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

    def _facts(self, table: Table, row: int) -> _Facts:
        """What is said of a decision; a row stands for the same one for ever."""
        of, known = self._known
        if of is not table:
            known = _empty()
            self._known = table, known
        place = (row * _SPREAD >> 16) & (_PLACES - 1)
        found = known[place]
        if found is not None and found[0] == row and found[1].answer[7] == self._age:
            return found[1]
        facts = self._read(table, row)
        known[place] = row, facts
        return facts

    def _read(self, table: Table, row: int) -> _Facts:
        id_, effect, rest = table.said(row)
        refused = effect is Effect.BLOCK or effect is Effect.CHALLENGE
        status, rate, cohort = (403 if refused else 200), None, None
        if effect is Effect.THROTTLE:
            rate = Rate(**rest["rate"])
        elif effect is Effect.DEGRADE:
            cohort = rest.get("cohort")
        reason, age = rest["reason"], self._age
        answer = _made(
            Answer,
            (
                not refused, status, effect._value_, id_, reason, None, (), age, None, cohort,
                False, table.scope(row)._value_,
            ),
        )  # fmt: skip
        fresh = 0.0
        if rest["origin"].startswith("policy:"):
            fresh = rest["made"] + self.breaker.bounds.fresh_s
        return _made(_Facts, (id_, effect, answer, rate, fresh))


def _empty() -> _Cache:
    return [None] * _PLACES


def _passing(age: float | None) -> Answer:
    return Answer(True, 200, Effect.ALLOW.value, None, "", None, (), age, None, None)


def _held_back(answer: Answer) -> Answer:
    """The same, said and not done."""
    observe = Effect.OBSERVE.value
    return answer._replace(
        allowed=True, status=200, effect=observe, retry_after_s=None, held_back=True
    )


def _tightness(facts: _Facts) -> tuple[float, float]:
    assert facts.rate is not None
    return facts.rate.per_minute or _FAR, facts.rate.concurrency or _FAR
