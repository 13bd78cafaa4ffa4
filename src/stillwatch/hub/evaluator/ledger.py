"""What members may ask, and have asked: charged on disk before anything is answered.

Rules: the unit is an element, since each is one guess. A charge and the nonce of its request are
one transaction, so an answer is never given twice for one request nor once for none; what was
charged stays charged, whatever happens after. A day only ever follows a later one and nonces are
remembered an hour, so a clock that is set back refills nothing and lets nothing be replayed. The
daily quota is used first, then grants, the one that ends first before the others; a request that
does not fit is refused whole.
"""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from stillwatch.crypto.httpsig import WINDOW_S
from stillwatch.errors import InputError
from stillwatch.hub.evaluator.limits import Limits
from stillwatch.hub.evaluator.schema import allowances, facts, grants, nonces, usage
from stillwatch.hub.refusals import Conflict, QuotaSpent

DAY: Final = 86_400
_MOST: Final = 10**12


class Replayed(Conflict):
    """The request was seen before, or could have been."""

    status = 401
    title = "Replayed"


@dataclass(frozen=True, slots=True)
class Charge:
    """One request of a member, to be counted."""

    member: str
    key: str
    nonce: str
    created: int
    """Seconds since 1970, as it was signed."""
    elements: int
    now: int
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Elements beyond the daily quota, for once."""

    elements: int
    used: int
    until: int
    """Last day it holds, days since 1970."""


@dataclass(frozen=True, slots=True)
class Account:
    """What a member may ask now."""

    daily: int
    used: int
    """Of the daily quota."""
    resets: int
    """Seconds since 1970."""
    until: int | None
    """Last day on which ``daily`` holds, where the operator set one."""
    grants: tuple[Grant, ...]
    """Those that hold and are not used up."""

    @property
    def remaining(self) -> int:
        """Elements that may still be asked."""
        return max(0, self.daily - self.used) + sum(g.elements - g.used for g in self.grants)


class Spent(QuotaSpent):
    """The member's quota does not allow a request."""

    def __init__(self, account: Account, asked: int, now: int) -> None:
        super().__init__(
            f"{asked:,} elements are more than the {account.remaining:,} left of today's quota"
            f" of {account.daily:,}",
            kind="elements",
            retry_after=max(1, account.resets - now),
            hint="ask fewer at a time, wait, or ask the evaluator's operator for a grant",
        )
        self.remaining = account.remaining


def charge(connection: Connection, asked: Charge, limits: Limits) -> int:
    """Count a request in the caller's transaction; elements that remain.

    Raises ``Spent`` or ``Replayed``, and has counted nothing then.
    """
    horizon = int(connection.scalar(select(facts.c.value).where(facts.c.name == "horizon")) or 0)
    if asked.created <= horizon:
        raise Replayed(
            "the evaluator's clock was set back so far that it cannot tell old requests from new",
            hint="its operator must set the clock, or run `stillwatch evaluator quota forget-clock`",
        )
    day, before = _locked(connection, asked.member, asked.now)
    account = _account(connection, asked.member, day, before, limits)
    if asked.elements > account.remaining:
        raise Spent(account, asked.elements, asked.now)
    if not _remember(connection, asked):
        raise Replayed("this request was sent before", hint="sign each request with a new nonce")
    today = min(asked.elements, max(0, account.daily - before))
    where = usage.c.member == asked.member
    connection.execute(update(usage).where(where).values(day=day, used=before + today))
    _take(connection, asked.member, day, asked.elements - today)
    return account.remaining - asked.elements


def account(connection: Connection, member: str, limits: Limits, now: int) -> Account:
    """What a member may ask, for showing."""
    row = connection.execute(select(usage.c.day, usage.c.used).where(usage.c.member == member))
    day, used = _current(row.first(), now)
    return _account(connection, member, day, used, limits)


def allow(connection: Connection, member: str, daily: int | None, until: int | None) -> None:
    """Set a member's daily quota, to the last day given if any; None: the default again."""
    connection.execute(delete(allowances).where(allowances.c.member == member))
    if daily is not None:
        _check(daily)
        connection.execute(insert(allowances).values(member=member, daily=daily, until=until))


def grant(connection: Connection, member: str, elements: int, until: int) -> None:
    """Give a member elements beyond its daily quota, to the last day given."""
    _check(elements)
    row = {"member": member, "elements": elements, "used": 0, "until": until}
    connection.execute(insert(grants).values(row))


def reset(connection: Connection, member: str) -> None:
    """Forget what a member used today, e.g. after the clock ran ahead."""
    connection.execute(delete(usage).where(usage.c.member == member))


def forget_clock(connection: Connection) -> None:
    """Believe the clock as it is now; within a minute old requests could be sent again."""
    connection.execute(update(facts).where(facts.c.name == "horizon").values(value="0"))


def purge(connection: Connection, now: int, limits: Limits) -> int:
    """Forget nonces past their time, and remember up to when; how many."""
    until = now - max(limits.nonce_seconds, 2 * WINDOW_S)
    gone = connection.execute(delete(nonces).where(nonces.c.created <= until)).rowcount
    horizon = int(connection.scalar(select(facts.c.value).where(facts.c.name == "horizon")) or 0)
    if gone and until > horizon:
        connection.execute(update(facts).where(facts.c.name == "horizon").values(value=str(until)))
    return gone


def known(connection: Connection) -> list[str]:
    """Members that asked, or were allowed something."""
    found = (connection.scalars(select(t.c.member)) for t in (usage, allowances, grants))
    return sorted({member for rows in found for member in rows})


def _account(connection: Connection, member: str, day: int, used: int, limits: Limits) -> Account:
    fixed = connection.execute(
        select(allowances.c.daily, allowances.c.until).where(
            allowances.c.member == member,
            allowances.c.until.is_(None) | (allowances.c.until >= day),
        )
    ).first()
    open_ = connection.execute(
        select(grants.c.elements, grants.c.used, grants.c.until)
        .where(grants.c.member == member, grants.c.until >= day, grants.c.used < grants.c.elements)
        .order_by(grants.c.until, grants.c.id)
    )
    daily, until = fixed or (limits.daily, None)
    return Account(daily, used, (day + 1) * DAY, until, tuple(Grant(*row) for row in open_))


def _take(connection: Connection, member: str, day: int, left: int) -> None:
    if not left:
        return
    open_ = connection.execute(
        select(grants.c.id, grants.c.elements, grants.c.used)
        .where(grants.c.member == member, grants.c.until >= day, grants.c.used < grants.c.elements)
        .order_by(grants.c.until, grants.c.id)
    ).all()
    for id_, elements, used in open_:
        part = min(left, elements - used)
        connection.execute(update(grants).where(grants.c.id == id_).values(used=used + part))
        left -= part
        if not left:
            return


def _locked(connection: Connection, member: str, now: int) -> tuple[int, int]:
    """The day that counts and what it has used; nobody else changes it before we end."""
    dialect = _dialect(connection)
    row = {"member": member, "day": now // DAY, "used": 0}
    connection.execute(dialect.insert(usage).values(row).on_conflict_do_nothing())
    statement = select(usage.c.day, usage.c.used).where(usage.c.member == member)
    return _current(connection.execute(statement.with_for_update()).first(), now)


def _remember(connection: Connection, asked: Charge) -> bool:
    row = {"key": asked.key, "nonce": asked.nonce, "created": asked.created}
    statement = _dialect(connection).insert(nonces).values(row).on_conflict_do_nothing()
    # what came back is sure on both databases; a number of rows is not
    return connection.execute(statement.returning(nonces.c.nonce)).first() is not None


def _current(row: Any, now: int) -> tuple[int, int]:
    today = now // DAY
    if row is None or today > row.day:
        return today, 0
    return row.day, row.used


def _check(elements: int) -> None:
    if not 0 <= elements <= _MOST:
        raise InputError(f"{elements} is no number of elements", hint=f"0 to {_MOST:,}")


def _dialect(connection: Connection) -> Any:
    return postgresql if connection.dialect.name == "postgresql" else sqlite
