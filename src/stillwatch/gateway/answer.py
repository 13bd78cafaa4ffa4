"""What is to happen to a request, and what the decision behind it says.

Rules: what a request meets with is there at once. The decision's words, that lie elsewhere in
memory and have to be read as JSON, are fetched when somebody asks for them; a row of the table
stands for the same decision for ever, so they are the same whenever that is.
"""

from collections.abc import Iterator
from typing import Any, ClassVar, Final, NamedTuple

from stillwatch.domain.decision import Effect, Rate
from stillwatch.gateway.counts import PLACES
from stillwatch.gateway.table import Table

_WORDS: Final = frozenset({"decision", "reason", "cohort", "scope"})
"""What only the decision itself can say."""
_REFUSED: Final = frozenset({Effect.BLOCK, Effect.CHALLENGE})
_DONE: Final = {
    effect: (effect not in _REFUSED, 403 if effect in _REFUSED else 200, effect.value)
    for effect in Effect
}


class Answer:
    """What is to happen to a request, and the decision that says so. Not to be changed.

    It can be read as the tuple of its ``_fields``, too.
    """

    _fields: ClassVar = (
        "allowed", "status", "effect", "decision", "reason", "retry_after_s", "shadow", "age_s",
        "lease", "cohort", "held_back", "scope",
    )  # fmt: skip

    allowed: bool
    status: int
    """200, 403, 429 or 503."""
    effect: str
    decision: str | None
    """Id; None where nothing stands."""
    reason: str
    """In the decision's words; what happened, where no decision says so; or empty."""
    retry_after_s: float | None = None
    shadow: tuple[str, ...] = ()
    """Ids of decisions that are only said."""
    age_s: float | None
    """Of the knowledge, to the second; None where there is none."""
    lease: str | None = None
    """To be given back when the request is over, where concurrency is bounded."""
    cohort: str | None
    """Key of planted marks that a degraded answer is to carry."""
    held_back: bool = False
    """The decision would have refused; the breaker did not let it."""
    scope: str | None
    """What the decision is about; None where nothing stands."""

    def __init__(
        self,
        allowed: bool,
        status: int,
        effect: str,
        decision: str | None,
        reason: str,
        retry_after_s: float | None,
        shadow: tuple[str, ...],
        age_s: float | None,
        lease: str | None,
        cohort: str | None,
        held_back: bool = False,
        scope: str | None = None,
    ) -> None:
        self.allowed, self.status, self.effect = allowed, status, effect
        self.decision, self.reason, self.cohort, self.scope = decision, reason, cohort, scope
        self.retry_after_s, self.shadow, self.age_s = retry_after_s, shadow, age_s
        self.lease, self.held_back = lease, held_back

    def _replace(self, **changes: Any) -> "Answer":
        """Another, with some things changed."""
        return Answer(**(dict(zip(self._fields, self, strict=True)) | changes))

    def __iter__(self) -> Iterator[Any]:
        """All that it says, in the order in which it is made."""
        return (getattr(self, name) for name in self._fields)

    def __getitem__(self, place: Any) -> Any:
        """As a tuple would."""
        return tuple(self)[place]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Answer):
            return NotImplemented
        return tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]  # equal answers need not be the same one

    def __repr__(self) -> str:
        said = ", ".join(f"{name}={one!r}" for name, one in zip(self._fields, self, strict=True))
        return f"Answer({said})"


class Facts(NamedTuple):
    """What a decision says."""

    id: str
    effect: Effect
    reason: str
    rate: Rate | None
    cohort: str | None
    scope: str


class Reader:
    """Facts of decisions; those asked for last are at hand."""

    def __init__(self, table: Table) -> None:
        self._known = table, _nothing()

    def facts(self, table: Table, row: int) -> Facts:
        """What is said of a decision."""
        of, known = self._known
        if of is not table:
            self._known = of, known = table, _nothing()
        place = row % PLACES
        found = known[place]
        if found is None or found[0] != row:
            found = known[place] = row, _read(table, row)
        return found[1]

    def turn(self, table: Table) -> None:
        """Let go of another table."""
        if self._known[0] is not table:
            self._known = table, _nothing()


class Found(Answer):
    """The answer where a decision stands. Until it is read it holds on to its table."""

    def __init__(
        self, effect: Effect, table: Table, row: int, age_s: float | None, reader: Reader
    ) -> None:
        self.allowed, self.status, self.effect = _DONE[effect]
        self.age_s = age_s
        self._of: tuple[Reader, Table, int] | None = (reader, table, row)

    def __getattr__(self, name: str) -> Any:
        """What was not asked for before."""
        if name not in _WORDS:
            raise AttributeError(name)
        of = self._of
        if of is not None:  # else another thread has just asked
            reader, table, row = of
            facts = reader.facts(table, row)
            self.decision, self.reason, self.scope = facts.id, facts.reason, facts.scope
            self.cohort = facts.cohort
            self._of = None
        return object.__getattribute__(self, name)

    def hold_back(self) -> None:
        """Said and not done."""
        self.allowed, self.status, self.effect = _DONE[Effect.OBSERVE]
        self.held_back, self.retry_after_s = True, None

    def wait(self, seconds: float) -> None:
        """Beyond the rate."""
        self.allowed, self.status, self.retry_after_s = False, 429, seconds


def passing(age_s: float | None) -> Answer:
    """The answer where nothing stands."""
    return Answer(True, 200, Effect.ALLOW.value, None, "", None, (), age_s, None, None)


def _nothing() -> list[tuple[int, Facts] | None]:
    return [None] * PLACES


def _read(table: Table, row: int) -> Facts:
    effect, rest = table.effect(row), table.rest(row)
    rate = Rate(**rest["rate"]) if effect is Effect.THROTTLE else None
    cohort = rest.get("cohort") if effect is Effect.DEGRADE else None
    return Facts(table.id(row), effect, rest["reason"], rate, cohort, table.scope(row).value)
