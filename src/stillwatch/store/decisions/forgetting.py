"""Decisions that are long over are forgotten: they name people.

Rule: what stands, is held, or has an open appeal is never forgotten; acts stay, they name nobody but
who acted and why.
"""

from datetime import datetime

from sqlalchemy import Connection, delete, select

from stillwatch.store.decisions.acts import answerable, note
from stillwatch.store.decisions.rows import parts
from stillwatch.store.decisions.stream import take_turn
from stillwatch.store.schema import appeals, decision_evidence, decisions


def forget(connection: Connection, before: datetime, *, by: str, now: datetime) -> int:
    """Delete decisions that are out of force and would have ended before an instant; how many.

    One that was lifted is kept until its own end: it tells a policy that a person said no.
    """
    answerable(by)
    take_turn(connection)
    over = decisions.c.state.in_(("lifted", "refused", "ended"))
    appealed = select(appeals.c.decision).where(appeals.c.state == "open")
    its = over & (decisions.c.until < int(min(before, now).timestamp()))
    ids = connection.scalars(
        select(decisions.c.id).where(its & decisions.c.id.not_in(appealed))
    ).all()
    for part in parts(ids):
        connection.execute(delete(decision_evidence).where(decision_evidence.c.decision.in_(part)))
        connection.execute(delete(appeals).where(appeals.c.decision.in_(part)))
        connection.execute(delete(decisions).where(decisions.c.id.in_(part)))
    note(connection, (("forget", id_, "long over") for id_ in ids), by, now)
    return len(ids)
