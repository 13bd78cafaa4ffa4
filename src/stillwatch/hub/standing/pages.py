"""Standing as members read it: what changed since an instant, in pages that can be resumed.

Rule: a claim is told of only to who may read its newest version.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, select
from sqlalchemy.sql.elements import ColumnElement

from stillwatch.hub.clock import instant
from stillwatch.hub.schema import objects, standing

MOST = 1000
"""Claims on a page."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a claim stands."""

    claim: str
    """STIX id of the claim's object."""
    collection: str
    version: str
    """Of the newest version."""
    state: str
    """current, disputed, expired, compromised, suspended, frozen, revoked."""
    confirm: int
    """Distinct members that agree with evidence of their own, or have seen it."""
    agree: int
    dispute: int
    refute: int
    changed: str
    """When this was so first; the page resumes behind it."""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of what changed."""

    standing: tuple[Standing, ...]
    more: bool
    next: str | None
    """``since`` of the next page; the last one's stays good for the next poll."""


def page(
    connection: Connection,
    visible: ColumnElement[bool],
    *,
    since: int | None = None,
    limit: int = MOST,
    claim: str | None = None,
) -> Page:
    """Claims that satisfy ``visible`` and changed after ``since``, in that order."""
    statement = (
        select(standing, objects.c.version)
        .join(objects, objects.c.seq == standing.c.object)
        .where(visible, standing.c.changed > (since if since is not None else 0))
        .order_by(standing.c.changed)
        .limit(limit + 1)
    )
    if claim is not None:
        statement = statement.where(standing.c.stix_id == claim)
    rows = connection.execute(statement).all()
    found = tuple(
        Standing(
            row.stix_id,
            row.collection,
            instant(row.version),
            row.state,
            row.confirm,
            row.agree,
            row.dispute,
            row.refute,
            instant(row.changed),
        )
        for row in rows[:limit]
    )
    return Page(found, len(rows) > limit, found[-1].changed if found else None)
