"""Decisions held back while an appeal is open, or a claim they rest on is frozen.

Rules: a suspended decision observes; it has causes, and comes back when the last is gone.
"""

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import Connection, select

from stillwatch.domain.decision import DecisionId
from stillwatch.store.decisions.acts import answerable, note
from stillwatch.store.decisions.rows import (
    Edit,
    Kept,
    bears,
    kept_of,
    parts,
    rows_by_id,
    suspended,
)
from stillwatch.store.decisions.stream import take_turn, told
from stillwatch.store.schema import decision_evidence, decisions

_APPEAL = "appeal--"


def suspend(
    connection: Connection, ids: Iterable[str], cause: str, *, by: str, reason: str, now: datetime
) -> list[DecisionId]:
    """Let decisions observe until ``restore``; ids of those for which that is new."""
    reason = answerable(by, reason)
    return _each(connection, ids, cause, "suspend", by, reason, now)


def restore(
    connection: Connection, ids: Iterable[str], cause: str, *, by: str, reason: str, now: datetime
) -> list[DecisionId]:
    """A cause is gone: what nothing else suspends is in force again; ids of those it held."""
    reason = answerable(by, reason)
    return _each(connection, ids, cause, "restore", by, reason, now)


def freeze(
    connection: Connection, frozen: Collection[str], *, by: str, now: datetime
) -> tuple[list[DecisionId], list[DecisionId]]:
    """These claims, and no others, are frozen: what rests on them alone observes until they are not.

    Ids of decisions that are suspended now and were not, and of those that are in force again.
    """
    answerable(by)
    take_turn(connection)
    ids = set(_held_by_claims(connection))
    for part in parts(frozen):
        its = decision_evidence.c.evidence.in_(part)
        ids.update(connection.scalars(select(decision_evidence.c.decision).where(its)))
    edit, deeds, changed = Edit(), list[tuple[str, str, str]](), list[str]()
    held, free = list[DecisionId](), list[DecisionId]()
    for kept in map(kept_of, rows_by_id(connection, ids)):
        after = _frozen(kept, frozen)
        if after == kept or kept.state not in ("standing", "held"):
            continue
        edit.put(after)
        if after.suspended and not kept.suspended:
            held.append(kept.decision.id)
            deeds.append(("suspend", kept.decision.id, "what it rests on does not count now"))
        elif kept.suspended and not after.suspended:
            free.append(kept.decision.id)
            deeds.append(("restore", kept.decision.id, "what it rests on counts again"))
        if kept.state == "standing":
            changed.append(kept.decision.id)
    edit.known(connection)
    note(connection, deeds, by, now)
    told(connection, changed, now)
    return held, free


def _held_by_claims(connection: Connection) -> list[str]:
    marked = decisions.c.state.in_(("standing", "held")) & decisions.c.aside.contains('"suspended"')
    return [
        kept.decision.id
        for kept in map(kept_of, connection.execute(select(decisions).where(marked)))
        if kept.suspended and any(not c.startswith(_APPEAL) for c in kept.suspended.causes)
    ]


def _frozen(kept: Kept, frozen: Collection[str]) -> Kept:
    evidence = kept.decision.evidence
    left = [one for one in evidence if one not in frozen]
    gone = (*kept.struck, *(one for one in evidence if one in frozen))
    causes = kept.suspended.causes if kept.suspended else ()
    appeals = tuple(cause for cause in causes if cause.startswith(_APPEAL))
    claims = () if bears(kept, left, gone) else tuple(one for one in evidence if one in frozen)
    return suspended(kept, (*appeals, *claims))


def _each(
    connection: Connection,
    ids: Iterable[str],
    cause: str,
    act: str,
    by: str,
    reason: str,
    now: datetime,
) -> list[DecisionId]:
    take_turn(connection)
    edit, touched, changed = Edit(), list[DecisionId](), list[str]()
    for kept in map(kept_of, rows_by_id(connection, ids)):
        causes = kept.suspended.causes if kept.suspended else ()
        if (cause in causes) is (act == "suspend") or kept.state not in ("standing", "held"):
            continue
        left = (*causes, cause) if act == "suspend" else tuple(c for c in causes if c != cause)
        after: Kept = suspended(kept, left)
        if after == kept:
            continue
        edit.put(after)
        touched.append(kept.decision.id)
        if kept.state == "standing":
            changed.append(kept.decision.id)
    edit.known(connection)
    note(connection, ((act, id_, f"{cause}: {reason}"[:1000]) for id_ in touched), by, now)
    told(connection, changed, now)
    return touched
