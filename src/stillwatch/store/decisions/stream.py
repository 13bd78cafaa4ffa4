"""The stream: all decisions in force, then every change, in one order.

Rules
    * Numbers rise by one with each change; the first of a store comes from the hour of its birth.
    * Only the newest changes are kept; who is further behind starts anew (``Behind``).
    * A change says what the decision is now, not what it was then: applied in order, changes lead
      to what stands, wherever the reader began.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, delete, func, select, update

from stillwatch.errors import StillwatchError
from stillwatch.store.bulk import put
from stillwatch.store.decisions.rows import record_of
from stillwatch.store.schema import decision_changes, decisions, stream

KEPT: Final = 200_000
"""Changes that are kept."""
BLOCK: Final = 10_000
"""Decisions in one block of columns."""


class Behind(StillwatchError):
    """What came after a number is not known any more, or not yet: start anew."""

    exit_code = 6


class Change(NamedTuple):
    """One decision came into force, was changed, or fell."""

    seq: int
    id: str
    record: dict[str, Any] | None
    """Its JSON form, see ``Decision.record``; None: no longer in force."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Decisions in force, a list for each column, all of one length of at most 10,000."""

    id: Sequence[str]
    effect: Sequence[str]
    scope: Sequence[str]
    value: Sequence[str]
    until: Sequence[int]
    """Seconds since 1970."""
    shadow: Sequence[int]
    """1: only said."""
    rest: Sequence[str]
    """JSON of reason, evidence, origin, made, and rate, cohort, members where there are any."""


def take_turn(connection: Connection) -> None:
    """Stand in line with other writers until this transaction ends; before anything is read."""
    connection.execute(update(stream).values(seq=stream.c.seq))


def told(connection: Connection, ids: Sequence[str], now: datetime) -> None:
    """Number changes of these decisions; the turn was taken."""
    if not ids:
        return
    connection.execute(update(stream).values(seq=stream.c.seq + len(ids)))
    last = newest(connection)
    at, first = int(now.timestamp()), last - len(ids) + 1
    rows = [{"seq": first + n, "decision": id_, "at": at} for n, id_ in enumerate(ids)]
    connection.execute(delete(decision_changes).where(decision_changes.c.seq <= last - KEPT))
    put(connection, decision_changes, rows[-KEPT:])


def newest(connection: Connection) -> int:
    """Number of the newest change."""
    return connection.scalar(select(stream.c.seq)) or 0


def standing(connection: Connection, now: datetime) -> Iterator[Columns]:
    """All decisions in force, in blocks and in no order; ask ``newest`` before."""
    columns = [decisions.c[name] for name in Columns.__dataclass_fields__]
    in_force = (decisions.c.state == "standing") & (decisions.c.until > int(now.timestamp()))
    query = select(*columns).where(in_force).execution_options(stream_results=True)
    result = connection.execute(query, execution_options={"max_row_buffer": BLOCK})
    for rows in result.partitions(BLOCK):
        yield Columns(*zip(*rows, strict=True))


def changes(connection: Connection, since: int, limit: int) -> list[Change]:
    """What changed after a number, oldest first. Raises ``Behind``."""
    last = newest(connection)
    if since == last:
        return []
    query = (
        select(decision_changes.c.seq.label("change"), decision_changes.c.decision, decisions)
        .outerjoin(decisions, decisions.c.id == decision_changes.c.decision)
        .where(decision_changes.c.seq > since)
        .order_by(decision_changes.c.seq)
        .limit(limit)
    )
    rows = connection.execute(query).all()
    if since > last or not rows or rows[0].change != since + 1:
        raise Behind(
            f"changes after {since} are not known here (newest: {last})", hint="start anew"
        )
    return [
        Change(row.change, row.decision, record_of(row) if row.state == "standing" else None)
        for row in rows
    ]


def renumber(connection: Connection, now: datetime) -> int:
    """Make all gateways start anew, e.g. after a backup was brought back; the new number.

    A store from a backup gives numbers again that gateways have seen with other changes.
    """
    take_turn(connection)
    top = func.coalesce(select(func.max(stream.c.seq)).scalar_subquery(), 0)
    last = max(connection.scalar(select(top)) or 0, int(now.timestamp() * 1000)) + KEPT
    connection.execute(delete(decision_changes))
    connection.execute(update(stream).values(seq=last))
    return last
