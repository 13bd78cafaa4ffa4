"""A decision as a row, and back.

``rest`` is what gateways are told beside the columns. ``aside`` is what they need not know: why
the state is what it is, evidence that was struck, and the true effect while it is suspended.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

import orjson
from sqlalchemy import Connection, Row, bindparam, delete, select, update

from stillwatch.domain.decision import Decision, Effect, Rate, is_own
from stillwatch.store.bulk import put
from stillwatch.store.schema import decision_evidence, decisions

State = Literal["standing", "held", "lifted", "refused", "ended"]
_LEAD: Final = "lead:"
_BOUND: Final = frozenset({Effect.THROTTLE, Effect.DEGRADE, Effect.BLOCK})
"""Effects that a policy may not have on another lab's word alone."""
_COLUMNS: Final = frozenset({"id", "effect", "scope", "value", "until", "shadow"})
_CHUNK: Final = 5000


@dataclass(frozen=True, slots=True)
class Suspended:
    """What a decision does once nothing holds it back."""

    effect: Effect
    causes: tuple[str, ...]
    """Open appeals, and frozen claims."""
    rate: Rate | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A decision and where it stands."""

    decision: Decision
    """As it is in force: a suspended one observes."""
    state: State
    why: str = ""
    """Of the state: why it is held, was lifted or refused."""
    by: str = ""
    """Who brought it into that state; empty for one that stands since it was made."""
    struck: tuple[str, ...] = ()
    """Evidence that counts no more."""
    suspended: Suspended | None = None

    @property
    def effect(self) -> Effect:
        """What it does, or did, when nothing suspends it."""
        return self.suspended.effect if self.suspended else self.decision.effect


@dataclass(slots=True)
class Edit:
    """Rows on their way to the database, all of one kind."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def put(self, kept: Kept) -> None:
        """Note how a decision is to stand."""
        self.rows.append(row_of(kept))

    def new(self, connection: Connection) -> None:
        """Insert them."""
        put(connection, decisions, self.rows)

    def known(self, connection: Connection) -> None:
        """Change those that are there."""
        if not self.rows:
            return
        its = decisions.c.id == bindparam("_id")
        values: dict[str, Any] = {c.name: bindparam(c.name) for c in decisions.c if c.name != "id"}
        rows = [{"_id": row["id"], **row} for row in self.rows]
        connection.execute(update(decisions).where(its).values(values), rows)


def row_of(kept: Kept) -> dict[str, Any]:
    """As it is kept."""
    record = kept.decision.record()
    rest = {name: value for name, value in record.items() if name not in _COLUMNS}
    aside: dict[str, Any] = {"why": kept.why, "by": kept.by, "struck": kept.struck}
    if (held := kept.suspended) is not None:
        aside["suspended"] = {"effect": held.effect, "causes": held.causes, "rate": held.rate}
    aside = {name: value for name, value in aside.items() if value}
    return {
        "id": record["id"],
        "state": kept.state,
        "effect": record["effect"],
        "scope": record["scope"],
        "value": record["value"],
        "until": record["until"],
        "made": record["made"],
        "shadow": int(kept.decision.shadow),
        "origin": record["origin"],
        "rest": orjson.dumps(rest).decode(),
        "aside": orjson.dumps(aside).decode() if aside else "",
    }


def record_of(row: Row[Any]) -> dict[str, Any]:
    """The JSON form of the decision in a row."""
    return {
        "id": row.id,
        "effect": row.effect,
        "scope": row.scope,
        "value": row.value,
        "until": row.until,
        **({"shadow": True} if row.shadow else {}),
        **orjson.loads(row.rest),
    }


def kept_of(row: Row[Any]) -> Kept:
    """Inverse of ``row_of``."""
    aside = orjson.loads(row.aside) if row.aside else {}
    held = aside.get("suspended")
    return Kept(
        decision=Decision.of(record_of(row)),
        state=row.state,
        why=aside.get("why", ""),
        by=aside.get("by", ""),
        struck=tuple(aside.get("struck", ())),
        suspended=held
        and Suspended(
            Effect(held["effect"]), tuple(held["causes"]), held["rate"] and Rate(**held["rate"])
        ),
    )


def suspended(kept: Kept, causes: Sequence[str]) -> Kept:
    """Held back for these causes, or, with none, as it was before."""
    held = kept.suspended
    if held is not None:
        true = replace(kept.decision, effect=held.effect, rate=held.rate)
        kept = replace(kept, decision=true, suspended=None)
    if not causes or kept.decision.effect in (Effect.ALLOW, Effect.OBSERVE):
        return kept
    one = kept.decision
    return replace(
        kept,
        decision=replace(one, effect=Effect.OBSERVE, rate=None),
        suspended=Suspended(one.effect, tuple(causes), one.rate),
    )


def unborne(effect: Effect, origin: str, evidence: Iterable[str]) -> bool:
    """Whether evidence does not bear an effect: others' words alone, under what a policy decided."""
    person = origin.startswith("person:")
    return effect in _BOUND and not person and not any(map(is_own, evidence))


def bears(kept: Kept, left: Collection[str], gone: Iterable[str]) -> bool:
    """Whether a decision may stand on what is left of its evidence.

    A lead only repeats the claims beside it: of a policy's decision it bears nothing when they are gone.
    """
    if not left or unborne(kept.effect, kept.decision.origin, left):
        return False
    person = kept.decision.origin.startswith("person:")
    claims = any(not is_own(one) and not one.startswith(_LEAD) for one in gone)
    return person or not claims or not all(one.startswith(_LEAD) for one in left)


def parts(ids: Iterable[str]) -> Iterator[list[str]]:
    """Ids in order, each once, in parts that a query bears."""
    every = sorted(set(ids))
    for start in range(0, len(every), _CHUNK):
        yield every[start : start + _CHUNK]


def rows_by_id(connection: Connection, ids: Iterable[str]) -> list[Row[Any]]:
    """The rows of these decisions, in the order of their ids."""
    found = list[Row[Any]]()
    for part in parts(ids):
        found += connection.execute(
            select(decisions).where(decisions.c.id.in_(part)).order_by(decisions.c.id)
        )
    return found


def rest_on(connection: Connection, items: Iterable[Decision], known: Iterable[str]) -> None:
    """Keep what decisions rest on, so that they can be found by it; ``known`` had evidence."""
    for part in parts(known):
        its = decision_evidence.c.decision.in_(part)
        connection.execute(delete(decision_evidence).where(its))
    rows = [
        {"evidence": evidence, "decision": one.id, "own": int(is_own(evidence))}
        for one in items
        for evidence in one.evidence
    ]
    put(connection, decision_evidence, rows)
