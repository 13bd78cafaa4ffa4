"""Appeals against decisions: opened, then upheld or rejected by a person.

Rules
    * An appeal changes nothing by itself: opening one costs the appellant nothing, so that what it
      suspended would be free for everybody. A person may suspend the decision until it is closed.
    * Upheld, the decision is lifted and its evidence is undone: what rests on it elsewhere falls too
      (``others=False``: the evidence holds, this one was wrong). Where an innocent stands in a campaign
      or a range, the decision may stand and the one be let out (``spared``).
    * One open appeal for a decision at a time.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, insert, select, update

from stillwatch.domain.decision import Decision, DecisionId, Effect, Subject, new_id
from stillwatch.errors import InputError
from stillwatch.store import decisions
from stillwatch.store.decisions.acts import answerable, note
from stillwatch.store.decisions.stream import take_turn
from stillwatch.store.schema import appeals

State = Literal["open", "upheld", "rejected"]


@dataclass(frozen=True, slots=True)
class Appeal:
    """One appeal."""

    id: str
    """``appeal--`` and a UUID."""
    decision: DecisionId
    state: State
    opened: str
    """ISO 8601, UTC."""
    reason: str
    """What the appellant says."""
    closed: str = ""
    outcome: str = ""
    """Why it was upheld or rejected."""


@dataclass(frozen=True, slots=True)
class Upheld:
    """What an upheld appeal changed."""

    appeal: Appeal
    lifted: bool
    """Whether the decision stood until now, and was lifted."""
    fell: tuple[DecisionId, ...]
    """Other decisions that rested on the same evidence."""
    evidence: tuple[str, ...]
    """What was undone."""
    allow: Decision | None
    """What keeps the subject from being decided against again."""


def open_appeal(
    connection: Connection,
    decision_id: str,
    reason: str,
    by: str,
    now: datetime,
    *,
    suspend: bool = False,
) -> Appeal:
    """Open an appeal against a decision that stands. Raises ``InputError``.

    ``suspend``: the decision observes until the appeal is closed.
    """
    reason = answerable(by, reason)
    take_turn(connection)
    kept = decisions.find(connection, decision_id)
    if kept is None or kept.state != "standing" or kept.decision.until <= now:
        is_ = "is not kept here" if kept is None else f"is {_state(kept, now)}: nothing to appeal"
        raise InputError(f"{decision_id} {is_}", hint="`stillwatch decisions list`")
    if kept.effect is Effect.ALLOW:
        raise InputError(f"{decision_id} lets pass", hint="`stillwatch decisions lift` ends it")
    if waiting := listed(connection, decision=decision_id, state="open"):
        raise InputError(f"an appeal against {decision_id} is open already: {waiting[0].id}")
    one = Appeal(
        f"appeal--{uuid.uuid4()}", kept.decision.id, "open", _at(now), reason
    )  # fmt: skip
    connection.execute(
        insert(appeals).values(
            id=one.id,
            decision=one.decision,
            state=one.state,
            opened=one.opened,
            reason=one.reason,
            closed="",
            outcome="",
        )
    )
    note(connection, [("appeal", one.decision, f"{one.id}: {reason}")], by, now)
    if suspend:
        why = "an appeal is open"
        decisions.suspend(connection, [one.decision], one.id, by=by, reason=why, now=now)
    return one


def uphold(
    connection: Connection,
    id: str,  # noqa: A002
    *,
    by: str,
    reason: str,
    now: datetime,
    others: bool = True,
    allow_until: datetime | None = None,
    spared: Subject | None = None,
) -> Upheld:
    """The appeal is right. Raises ``InputError`` if it is not open.

    ``spared``: the decision stands, and this subject is let out of it until ``allow_until`` or,
    where there is none, as long as it stands. Otherwise it is lifted, and with ``others`` every
    evidence of it undone; ``allow_until``: until then its subject passes whatever is decided.
    """
    reason = answerable(by, reason)
    take_turn(connection)
    appeal = _close(connection, id, "upheld", by, reason, now)
    kept = decisions.find(connection, appeal.decision)
    if kept is None:
        raise InputError(f"the decision {appeal.decision} of {id} is gone")
    why = f"appeal upheld: {reason}"[:1000]
    if kept.suspended:
        decisions.restore(connection, [appeal.decision], id, by=by, reason="closed", now=now)
    if spared is not None:
        until = allow_until or kept.decision.until
        allow = _allowed(connection, spared, appeal, until, by, why, now)
        return Upheld(appeal, lifted=False, fell=(), evidence=(), allow=allow)
    stood = kept.state == "standing" and kept.decision.until > now
    if stood:
        decisions.lift(connection, appeal.decision, by=by, reason=why, now=now)
    evidence = kept.decision.evidence if others else ()
    fell = [
        one
        for name in evidence
        for one in decisions.undo(connection, name, by=by, reason=why, now=now)
    ]
    passes = None
    if allow_until is not None:
        subject = kept.decision.subject
        passes = _allowed(connection, subject, appeal, allow_until, by, why, now)
    return Upheld(appeal, stood, tuple(fell), evidence, passes)


def reject(
    connection: Connection,
    id: str,  # noqa: A002
    *,
    by: str,
    reason: str,
    now: datetime,
) -> Appeal:
    """The decision was right; what was suspended comes back. Raises ``InputError`` if not open."""
    reason = answerable(by, reason)
    take_turn(connection)
    appeal = _close(connection, id, "rejected", by, reason, now)
    why = f"rejected: {reason}"[:1000]
    decisions.restore(connection, [appeal.decision], id, by=by, reason=why, now=now)
    return appeal


def listed(
    connection: Connection,
    *,
    decision: str | None = None,
    state: State | None = None,
    limit: int = 1000,
) -> list[Appeal]:
    """Appeals, oldest first."""
    query = select(appeals).order_by(appeals.c.opened, appeals.c.id).limit(limit)
    if decision is not None:
        query = query.where(appeals.c.decision == decision)
    if state is not None:
        query = query.where(appeals.c.state == state)
    return [_appeal(row) for row in connection.execute(query)]


def contested(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """Those of these decisions against which an appeal is open, with its id."""
    open_ = select(appeals.c.decision, appeals.c.id).where(appeals.c.state == "open")
    query = open_ if len(ids) > 1000 else open_.where(appeals.c.decision.in_(list(ids)))
    return {row.decision: row.id for row in connection.execute(query)}


def _close(
    connection: Connection, id_: str, state: State, by: str, reason: str, now: datetime
) -> Appeal:
    row = connection.execute(select(appeals).where(appeals.c.id == id_)).first()
    if row is None:
        raise InputError(f"no appeal {id_!r}", hint="`stillwatch decisions appeal list`")
    if row.state != "open":
        raise InputError(f"{id_} was {row.state} at {row.closed}: {row.outcome}")
    closed = replace(_appeal(row), state=state, closed=_at(now), outcome=reason)
    values = {"state": state, "closed": closed.closed, "outcome": reason}
    connection.execute(update(appeals).where(appeals.c.id == id_).values(values))
    act = {"upheld": "uphold", "rejected": "reject"}[state]
    note(connection, [(act, closed.decision, f"{id_}: {reason}")], by, now)
    return closed


def _allowed(
    connection: Connection,
    subject: Subject,
    appeal: Appeal,
    until: datetime,
    by: str,
    why: str,
    now: datetime,
) -> Decision:
    said: dict[str, Any] = {
        "id": new_id(),
        "effect": Effect.ALLOW,
        "scope": subject.scope,
        "value": subject.value,
        "reason": why,
        "evidence": [f"appeal:{appeal.id.removeprefix('appeal--')}"],
        "origin": f"person:{by}"[:512],
        "made": int(now.timestamp()),
        "until": int(until.timestamp()),
    }
    try:
        allow = Decision.of(said)
    except ValueError as error:
        raise InputError(f"the subject cannot be let pass: {error}") from error
    decisions.add(connection, [allow], by=by, now=now)
    return allow


def _appeal(row: Row[Any]) -> Appeal:
    return Appeal(
        row.id, row.decision, row.state, row.opened, row.reason, row.closed, row.outcome
    )  # fmt: skip


def _state(kept: decisions.Kept, now: datetime) -> str:
    over = kept.state == "standing" and kept.decision.until <= now
    return "ended" if over else kept.state


def _at(now: datetime) -> str:
    return now.isoformat(timespec="seconds")
