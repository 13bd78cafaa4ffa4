"""Whom a policy's decisions newly touched, kept so that all processes share one blast radius.

Rules: written in the transaction that keeps the decision, after the stream's turn was taken, so that
two processes cannot both spend what is left.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select

from stillwatch.store.decisions.rows import parts
from stillwatch.store.schema import decision_reach as table

_KEPT: Final = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Reach:
    """What one decision newly touched."""

    origin: str
    decision: str
    live: bool
    """Came into force: neither held nor in shadow."""
    blocked: int = 0
    touched: int = 0
    traffic: float = 0.0
    accounts: float = 0.0
    hold: str = ""
    """Of one in shadow: why a person has to let it into force."""


def keep(connection: Connection, reaches: Iterable[Reach], now: datetime) -> None:
    """Write down what was touched now."""
    at = int(now.timestamp())
    rows = [{**asdict(one), "live": int(one.live), "at": at} for one in reaches]
    if rows:
        connection.execute(delete(table).where(table.c.at < at - int(_KEPT.total_seconds())))
        connection.execute(insert(table), rows)


def since(connection: Connection, origin: str, instant: datetime) -> Reach:
    """The sum of what a policy's decisions in force touched after an instant."""
    its = (table.c.origin == origin) & (table.c.live == 1) & (table.c.at > int(instant.timestamp()))
    sums = [
        func.coalesce(func.sum(table.c[name]), 0)
        for name in ("blocked", "touched", "traffic", "accounts")
    ]
    blocked, touched, traffic, accounts = connection.execute(select(*sums).where(its)).one()
    return Reach(origin, "", True, int(blocked), int(touched), float(traffic), float(accounts))


def of(connection: Connection, ids: Iterable[str]) -> dict[str, Reach]:
    """What single decisions touched that are not in force yet: the newest of each."""
    found = dict[str, Reach]()
    for part in parts(ids):
        its = table.c.decision.in_(part) & (table.c.live == 0)
        for row in connection.execute(select(table).where(its).order_by(table.c.seq)):
            found[row.decision] = Reach(
                row.origin,
                row.decision,
                False,
                row.blocked,
                row.touched,
                row.traffic,
                row.accounts,
                row.hold,
            )
    return found
