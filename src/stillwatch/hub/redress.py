"""Redress: an account holder's appeal against a claim, brought by a member.

Rules: an appeal names a claim and a reason of a list, never a person, and neither the publisher
nor others learn which member brought it. While it is open the claim is frozen: readers give it
no weight. The publisher answers within a term by an opinion on its own claim (``appeal-upheld``
or ``appeal-rejected``) or by revoking it; silence upholds the appeal. An upheld appeal obliges
the publisher to revoke: the claim stays frozen until it does. Nobody can keep a claim frozen by
appealing again and again: one open appeal a member and claim, ``MOST`` in all.
"""

import uuid
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, func, insert, select, update
from sqlalchemy.sql.elements import ColumnElement

from stillwatch.hub.clock import instant, maybe
from stillwatch.hub.members import Member
from stillwatch.hub.meta import STANDING, locked
from stillwatch.hub.quotas import scheme, spend
from stillwatch.hub.refusals import Conflict, Forbidden, Malformed, Missing
from stillwatch.hub.schema import appeals, members, standing

REASONS: Final = (
    "authorised-use",
    "automated-pipeline",
    "classroom-or-campus",
    "evaluation-or-research",
    "mistaken-identity",
    "reseller-of-honest-traffic",
    "shared-infrastructure",
)
"""Why an account holder says that the claim is wrong about it: innocent explanations."""
MOST: Final = 3
"""Appeals of one member against one claim, over all time."""
OUTCOMES: Final = ("upheld", "rejected")
_DAY: Final = 86_400 * 1_000_000


@dataclass(frozen=True, slots=True)
class Appeal:
    """An appeal, as those who may see it see it."""

    id: str
    collection: str
    claim: str
    reason: str
    state: str
    """open, upheld, rejected, withdrawn."""
    opened: str
    due: str
    decided: str | None
    decider: str | None
    """publisher, operator, timeout, appellant."""
    part: str
    """The caller's: appellant, publisher or operator."""
    member: str | None = None
    """Name of the appellant; for the operator only."""


def open_(
    connection: Connection,
    member: Member,
    collection: str,
    claim: str,
    reason: str,
    *,
    now: int,
) -> Appeal:
    """Open an appeal against a claim that the member may read (the caller has made sure).

    Raises ``Malformed``, ``Missing``, ``Forbidden``, ``Conflict`` or ``QuotaSpent``.
    """
    if reason not in REASONS:
        raise Malformed(
            "reason is not on the list; free text could name a person",
            hint=f"choose one of {', '.join(REASONS)}",
        )
    # locks in the order that every transaction takes them: use, then standing
    spend(connection, member.id, "appeals", 1, now=now)
    locked(connection, *STANDING)
    row = _claim(connection, collection, claim)
    if row is None:
        raise Missing(f"there is no claim {claim} in collection {collection}")
    if row.member == member.id:
        raise Forbidden("the claim is your own", hint="revoke it or publish a new version")
    if row.state in ("revoked", "expired"):
        raise Conflict(f"the claim is {row.state} already", hint="there is nothing to appeal")
    _bounded(connection, member, collection, claim)
    key = str(uuid.uuid4())
    values = {
        "id": key,
        "collection": collection,
        "stix_id": claim,
        "member": member.id,
        "reason": reason,
        "opened": now,
        "due": now + scheme().appeal_days * _DAY,
        "state": "open",
    }
    connection.execute(insert(appeals).values(values))
    return told(connection, key, member)


def told(connection: Connection, appeal: str, member: Member) -> Appeal:
    """One appeal. Raises ``Missing`` for what is not there or not for the member's eyes."""
    found = listed(connection, member, appeal=appeal)
    if not found:
        raise Missing(f"there is no appeal {appeal}")
    return found[0]


def listed(
    connection: Connection,
    member: Member | None,
    *,
    appeal: str | None = None,
    state: str | None = None,
    after: str | None = None,
    limit: int = 1000,
) -> list[Appeal]:
    """Appeals that a member brought or has to answer, oldest first; all for the operator (None)."""
    joined = appeals.join(
        standing,
        (standing.c.collection == appeals.c.collection) & (standing.c.stix_id == appeals.c.stix_id),
    ).join(members, members.c.id == appeals.c.member)
    statement = select(appeals, members.c.name, standing.c.member.label("publisher")).select_from(
        joined
    )
    if member is not None:
        mine = (appeals.c.member == member.id) | (standing.c.member == member.id)
        statement = statement.where(mine)
    if appeal is not None:
        statement = statement.where(appeals.c.id == appeal)
    if state is not None:
        statement = statement.where(appeals.c.state == state)
    if after is not None:
        last = select(appeals.c.opened).where(appeals.c.id == after).scalar_subquery()
        later = (appeals.c.opened > last) | ((appeals.c.opened == last) & (appeals.c.id > after))
        statement = statement.where(later)
    found = connection.execute(statement.order_by(appeals.c.opened, appeals.c.id).limit(limit))
    return [_appeal(row, member) for row in found]


def withdraw(connection: Connection, appeal: str, member: Member, *, now: int) -> Appeal:
    """Take an own appeal back. Raises ``Missing`` or ``Conflict``."""
    found = told(connection, appeal, member)
    if found.part != "appellant":
        raise Forbidden("only who opened an appeal withdraws it", hint="answer it by an opinion")
    _decide_one(connection, found, "withdrawn", "appellant", now)
    return told(connection, appeal, member)


def decide(connection: Connection, appeal: str, outcome: str, *, now: int) -> Appeal:
    """Decide a stuck appeal as the operator. Raises ``Missing`` or ``Conflict``."""
    if outcome not in OUTCOMES:
        raise Malformed(f"{outcome!r} is no outcome", hint="choose upheld or rejected")
    found = listed(connection, None, appeal=appeal)
    if not found:
        raise Missing(f"there is no appeal {appeal}", hint="`stillwatch hub appeal list`")
    _decide_one(connection, found[0], outcome, "operator", now)
    return listed(connection, None, appeal=appeal)[0]


def answered(
    connection: Connection, collection: str, claim: str, outcome: str, *, by: str, now: int
) -> None:
    """Decide all open appeals against a claim, as its publisher's opinion or revocation says."""
    _decide(connection, _against(collection, claim) & (appeals.c.state == "open"), outcome, by, now)


def overdue(connection: Connection, *, now: int) -> list[tuple[str, str]]:
    """Uphold what the publisher did not answer in time; the claims, by collection and id."""
    late = (appeals.c.state == "open") & (appeals.c.due <= now)
    found = connection.execute(select(appeals.c.collection, appeals.c.stix_id).where(late)).all()
    if found:
        _decide(connection, late, "upheld", "timeout", now)
    return [(row.collection, row.stix_id) for row in found]


def due(connection: Connection, *, now: int) -> bool:
    """Whether an appeal waits to be upheld by the publisher's silence."""
    late = (appeals.c.state == "open") & (appeals.c.due <= now)
    return connection.scalar(select(appeals.c.id).where(late).limit(1)) is not None


def _against(collection: str, claim: str) -> ColumnElement[bool]:
    return (appeals.c.collection == collection) & (appeals.c.stix_id == claim)


def _claim(connection: Connection, collection: str, claim: str) -> Any:
    both = (standing.c.collection == collection) & (standing.c.stix_id == claim)
    statement = select(standing.c.member, standing.c.state).where(both)
    return connection.execute(statement).first()


def _bounded(connection: Connection, member: Member, collection: str, claim: str) -> None:
    mine = _against(collection, claim) & (appeals.c.member == member.id)
    still = mine & (appeals.c.state == "open")
    if connection.scalar(select(appeals.c.id).where(still)) is not None:
        raise Conflict("your appeal against this claim is open", hint="GET /v1/appeals shows it")
    if (connection.scalar(select(func.count()).select_from(appeals).where(mine)) or 0) >= MOST:
        raise Conflict(
            f"you have appealed against this claim {MOST} times",
            hint="give your opinion on it, or ask the operator",
        )


def _decide_one(connection: Connection, found: Appeal, state: str, by: str, now: int) -> None:
    still = (appeals.c.id == found.id) & (appeals.c.state == "open")
    if not _decide(connection, still, state, by, now):
        raise Conflict(f"the appeal is {found.state} already")


def _decide(
    connection: Connection, which: ColumnElement[bool], state: str, by: str, now: int
) -> int:
    values = {"state": state, "decided": now, "decider": by}
    return connection.execute(update(appeals).where(which).values(values)).rowcount


def _appeal(row: Row[Any], member: Member | None) -> Appeal:
    data = row._mapping
    part = "operator"
    if member is not None:
        part = "appellant" if data["member"] == member.id else "publisher"
    return Appeal(
        data["id"],
        data["collection"],
        data["stix_id"],
        data["reason"],
        data["state"],
        instant(data["opened"]),
        instant(data["due"]),
        maybe(data["decided"]),
        data["decider"],
        part,
        data["name"] if member is None else None,
    )
