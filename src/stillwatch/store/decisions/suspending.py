"""Decisions held back while an appeal is open, or a claim they rest on is frozen.

Rules: a suspended decision observes; it has causes, and comes back when the last is gone.
"""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection

from stillwatch.domain.decision import DecisionId
from stillwatch.store.decisions.acts import answerable, note
from stillwatch.store.decisions.rows import Edit, Kept, kept_of, rows_by_id, suspended
from stillwatch.store.decisions.stream import take_turn, told


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
