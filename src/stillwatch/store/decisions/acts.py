"""Who did what to a decision, when and why: written with the deed, never changed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from stillwatch.domain.decision import MOST_REASON, MOST_VALUE
from stillwatch.errors import InputError
from stillwatch.store.bulk import put
from stillwatch.store.schema import decision_acts


@dataclass(frozen=True, slots=True)
class Act:
    """One deed."""

    seq: int
    at: str
    """ISO 8601, UTC."""
    by: str
    act: str
    """add, renew, hold, release, refuse, lift, undo, fall, end, suspend, restore, appeal ..."""
    decision: str
    """Id of the decision; of the evidence for ``undo``."""
    detail: str
    """The reason, in words."""


def acts(connection: Connection, id: str | None = None, limit: int = 1000) -> list[Act]:  # noqa: A002
    """The newest acts, of one decision or evidence or of all; the newest last."""
    query = select(decision_acts).order_by(decision_acts.c.seq.desc()).limit(limit)
    if id is not None:
        query = query.where(decision_acts.c.decision == id)
    return [Act(*row) for row in connection.execute(query)][::-1]


def note(
    connection: Connection, what: Iterable[tuple[str, str, str]], by: str, now: datetime
) -> None:
    """Write acts down: (act, id, detail)."""
    at = now.isoformat(timespec="seconds")
    rows = [
        {"at": at, "by": by, "act": act, "decision": id_, "detail": detail}
        for act, id_, detail in what
    ]
    put(connection, decision_acts, rows)


def answerable(by: str, reason: str | None = None) -> str:
    """The reason, cut to what is kept. Raises ``InputError`` if nobody, or no reason, is named."""
    if not 0 < len(by.strip()) <= MOST_VALUE or not by.isprintable():
        raise InputError("nobody is named as deciding this", hint="say who, e.g. --by alice")
    if reason is None:
        return ""
    if not reason.strip():
        raise InputError("no reason is given", hint="say why, in words that an appeal can quote")
    # halves of characters and NUL cannot be kept
    kept = reason.encode("utf-8", "replace").decode().replace("\0", "?")
    return kept[:MOST_REASON]
