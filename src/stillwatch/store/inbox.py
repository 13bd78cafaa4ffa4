"""What other members said, what it is worth, and how far the hub's log was followed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson
from sqlalchemy import Connection, Table, and_, delete, func, insert, select

from stillwatch.store.outbox import now
from stillwatch.store.schema import apart, hubs, received, relied, standing


@dataclass(frozen=True, slots=True)
class Received:
    """One version of another's object."""

    hub: str
    """URL it came from, or of the file."""
    collection: str
    stix_id: str
    modified: str
    index: int
    """Leaf of the log; -1 for what is not logged."""
    publisher: str
    kind: str
    signed: bool
    """Whether signature and history were verified."""
    body: dict[str, Any]


Reasons: TypeAlias = tuple[tuple[str, str], ...]
"""What the field policy says of an object: paths and reasons."""


@dataclass(frozen=True, slots=True)
class Apart:
    """A version of another's claim that may not be believed, and why."""

    hub: str
    stix_id: str
    modified: str
    publisher: str
    revoked: bool
    """Whether it takes the claim back: that holds all the same."""
    reasons: Reasons


def keep(connection: Connection, items: Iterable[Received]) -> int:
    """Keep what came, once; returns how many were new."""
    new = 0
    for one in items:
        if _kept(connection, received, one):
            continue
        connection.execute(
            insert(received).values(
                **_place(one),
                kind=one.kind,
                signed=int(one.signed),
            )
        )
        new += 1
    return new


def keep_apart(
    connection: Connection, items: Iterable[tuple[Received, Reasons]]
) -> list[tuple[str, Reasons]]:
    """Keep what breaks the policy where nothing reads it as a claim; returns what was new."""
    new = list[tuple[str, Reasons]]()
    for one, reasons in items:
        if _kept(connection, apart, one):
            continue
        connection.execute(
            insert(apart).values(
                **_place(one),
                revoked=int(one.body.get("revoked") is True),
                reasons=orjson.dumps(reasons),
            )
        )
        new.append((one.stix_id, reasons))
    return new


def set_apart(connection: Connection) -> list[Apart]:
    """All that is kept apart, in the order of the log."""
    columns = [c for c in apart.c if c.name != "body"]
    return [
        Apart(
            r.hub, r.stix_id, r.modified, r.publisher, bool(r.revoked),
            tuple((path, reason) for path, reason in orjson.loads(r.reasons)),
        )
        for r in connection.execute(select(*columns).order_by(apart.c.index, apart.c.stix_id))
    ]  # fmt: skip


def _kept(connection: Connection, table: Table, one: Received) -> bool:
    """Whether this very version from this place stands in the table."""
    names = ("hub", "collection", "stix_id", "modified")
    same = and_(*(table.c[name] == getattr(one, name) for name in names))
    return connection.execute(select(table.c.index).where(same)).first() is not None


def _place(one: Received) -> dict[str, Any]:
    """The columns that claims and what was kept apart have in common."""
    return {
        "hub": one.hub,
        "collection": one.collection,
        "stix_id": one.stix_id,
        "modified": one.modified,
        "index": one.index,
        "publisher": one.publisher,
        "body": orjson.dumps(one.body),
        "came": now(),
    }


def newest(connection: Connection, stix_id: str | None = None) -> list[Received]:
    """The newest version of every object that came, or of one; oldest claims first."""
    last = (
        select(received.c.hub, received.c.stix_id, func.max(received.c.modified).label("modified"))
        .group_by(received.c.hub, received.c.stix_id)
        .subquery()
    )
    same = (
        (received.c.hub == last.c.hub)
        & (received.c.stix_id == last.c.stix_id)
        & (received.c.modified == last.c.modified)
    )
    query = select(received).join(last, same).order_by(received.c.index, received.c.stix_id)
    if stix_id is not None:
        query = query.where(received.c.stix_id == stix_id)
    return [
        Received(
            r.hub, r.collection, r.stix_id, r.modified, r._mapping["index"], r.publisher, r.kind,
            bool(r.signed), orjson.loads(r.body),
        )
        for r in connection.execute(query)
    ]  # fmt: skip


def position(connection: Connection, hub: str) -> tuple[dict[str, Any], set[int]] | None:
    """How far the log of a hub was followed, and with which audiences."""
    row = connection.execute(select(hubs).where(hubs.c.url == hub)).first()
    if row is None:
        return None
    return orjson.loads(row.known), set(orjson.loads(row.audiences))


def follow(
    connection: Connection, hub: str, known: Mapping[str, Any], audiences: Iterable[int]
) -> None:
    """Keep how far the log was followed."""
    connection.execute(delete(hubs).where(hubs.c.url == hub))
    connection.execute(
        insert(hubs).values(
            url=hub,
            known=orjson.dumps(known),
            audiences=orjson.dumps(sorted(audiences)).decode(),
            pulled=now(),
        )
    )


def set_standing(
    connection: Connection, hub: str, items: Iterable[tuple[str, str, Mapping[str, Any]]]
) -> None:
    """Keep what the hub says claims are worth: (collection, id, standing)."""
    for collection, stix_id, said in items:
        key = (
            (standing.c.hub == hub)
            & (standing.c.collection == collection)
            & (standing.c.stix_id == stix_id)
        )
        connection.execute(delete(standing).where(key))
        connection.execute(
            insert(standing).values(
                hub=hub, collection=collection, stix_id=stix_id, body=orjson.dumps(said)
            )
        )


def standings(connection: Connection) -> dict[tuple[str, str], dict[str, Any]]:
    """What is known of the worth of claims, by hub and id."""
    return {
        (row.hub, row.stix_id): orjson.loads(row.body)
        for row in connection.execute(select(standing))
    }


def rely(connection: Connection, stix_id: str, what: str) -> None:
    """Write down that something here rests on a received claim."""
    release(connection, stix_id, what)
    connection.execute(insert(relied).values(stix_id=stix_id, what=what, since=now()))


def release(connection: Connection, stix_id: str, what: str) -> None:
    """Nothing of that name rests on the claim any more."""
    its = (relied.c.stix_id == stix_id) & (relied.c.what == what)
    connection.execute(delete(relied).where(its))


def resting_on(connection: Connection, stix_ids: Iterable[str]) -> dict[str, list[str]]:
    """What here rests on each of the claims."""
    found: dict[str, list[str]] = {}
    query = select(relied).where(relied.c.stix_id.in_(list(stix_ids))).order_by(relied.c.since)
    for row in connection.execute(query):
        found.setdefault(row.stix_id, []).append(row.what)
    return found


def relied_on(connection: Connection) -> dict[str, list[str]]:
    """Every received claim on which something here rests, and what that is."""
    ids = connection.scalars(select(relied.c.stix_id).distinct()).all()
    return resting_on(connection, ids)
