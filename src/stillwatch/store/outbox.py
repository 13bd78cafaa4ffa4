"""What awaits review, what was released, and what became of it."""

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import orjson
from sqlalchemy import Connection, delete, func, insert, select, update

from stillwatch.store.schema import acts, drafts, published, refusals, traces

State = Literal["waiting", "released", "refused", "published"]


@dataclass(frozen=True, slots=True)
class Draft:
    """A claim that is ready to leave and waits for a person."""

    stix_id: str
    kind: str
    state: State
    origin: str
    """What it was made from."""
    body: dict[str, Any]
    """The unsigned STIX object."""
    stays: dict[str, Any]
    """What of the finding stays home: names and how much of it."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A signed claim on its way, or arrived."""

    stix_id: str
    modified: str
    collection: str
    body: bytes
    state: Literal["sent", "stored", "failed"]
    answer: str


def now() -> str:
    """This instant as it is kept."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def put(connection: Connection, draft: Draft) -> None:
    """Keep a draft; an earlier one of the same claim that has not left is replaced."""
    connection.execute(delete(drafts).where(drafts.c.stix_id == draft.stix_id))
    connection.execute(
        insert(drafts).values(
            stix_id=draft.stix_id,
            kind=draft.kind,
            state=draft.state,
            origin=draft.origin,
            body=orjson.dumps(draft.body),
            stays=orjson.dumps(draft.stays),
            made=now(),
        )
    )


def listed(connection: Connection, *states: State) -> list[Draft]:
    """Drafts in any of the states, oldest first."""
    rows = connection.execute(
        select(drafts).where(drafts.c.state.in_(states)).order_by(drafts.c.made, drafts.c.stix_id)
    )
    return [
        Draft(
            row.stix_id, row.kind, row.state, row.origin,
            orjson.loads(row.body), orjson.loads(row.stays),
        )
        for row in rows
    ]  # fmt: skip


def move(
    connection: Connection, draft: Draft, state: State, act: str, by: str, detail: str = ""
) -> None:
    """Change a draft's state, and write down who did it."""
    its = drafts.c.stix_id == draft.stix_id
    connection.execute(update(drafts).where(its).values(state=state))
    record(connection, draft.stix_id, act, by, detail)


def record(connection: Connection, stix_id: str, act: str, by: str, detail: str = "") -> None:
    """Write an act down; acts are never changed."""
    connection.execute(
        insert(acts).values(at=now(), by=by, act=act, stix_id=stix_id, detail=detail)
    )


def history(connection: Connection, stix_id: str | None = None) -> list[dict[str, Any]]:
    """Acts in their order, of one claim or of all."""
    query = select(acts).order_by(acts.c.seq)
    if stix_id is not None:
        query = query.where(acts.c.stix_id == stix_id)
    return [dict(row._mapping) for row in connection.execute(query)]


def refuse(connection: Connection, stix_id: str, found: Iterable[tuple[str, str]]) -> None:
    """Write down what the policy refused: (path, reason)."""
    rows = [{"at": now(), "stix_id": stix_id, "path": p, "reason": r} for p, r in found]
    if rows:
        connection.execute(insert(refusals), rows)


def sent(connection: Connection, hub: str, items: Sequence[Sent]) -> None:
    """Keep signed claims before they leave, or what became of them."""
    for one in items:
        where = (published.c.stix_id == one.stix_id) & (published.c.modified == one.modified)
        connection.execute(delete(published).where(where))
        connection.execute(
            insert(published).values(
                stix_id=one.stix_id,
                modified=one.modified,
                hub=hub,
                collection=one.collection,
                body=one.body,
                state=one.state,
                answer=one.answer,
            )
        )


def outgoing(connection: Connection, hub: str, state: str | None = None) -> list[Sent]:
    """Signed claims for a hub, in the order of their versions."""
    query = select(published).where(published.c.hub == hub)
    if state is not None:
        query = query.where(published.c.state == state)
    rows = connection.execute(query.order_by(published.c.modified, published.c.stix_id))
    return [Sent(r.stix_id, r.modified, r.collection, r.body, r.state, r.answer) for r in rows]


def last_published(connection: Connection, stix_id: str) -> Sent | None:
    """The newest version of a claim that the hub stored."""
    mine = (published.c.stix_id == stix_id) & (published.c.state == "stored")
    row = connection.execute(
        select(published).where(mine).order_by(published.c.modified.desc()).limit(1)
    ).first()
    if row is None:
        return None
    return Sent(row.stix_id, row.modified, row.collection, row.body, row.state, row.answer)


def heard_of(connection: Connection) -> frozenset[str]:
    """Claims of which a version was sent: the hub may have stored it, whatever we know."""
    sent_or_stored = published.c.state.in_(("sent", "stored"))
    return frozenset(connection.scalars(select(published.c.stix_id).where(sent_or_stored)))


def counts(connection: Connection) -> dict[str, int]:
    """Drafts by state."""
    rows = connection.execute(select(drafts.c.state, func.count()).group_by(drafts.c.state))
    return {row[0]: row[1] for row in rows}


def trace(connection: Connection, stix_id: str, tags: Iterable[bytes]) -> None:
    """Remember whom a campaign's claim is about, by keyed hashes."""
    known = {
        row.tag
        for row in connection.execute(select(traces.c.tag).where(traces.c.stix_id == stix_id))
    }
    rows = [{"tag": tag, "stix_id": stix_id} for tag in set(tags) - known]
    if rows:
        connection.execute(insert(traces), rows)


def account_tag(secret: bytes, account: str) -> bytes:
    """What stands for an account in this house's own list of what was claimed."""
    return hmac.digest(secret, account.encode(), "sha256")[:16]


def actor_tag(secret: bytes, label: str) -> bytes:
    """What stands there for an actor, by the house's own label for it: often its account."""
    return hmac.digest(secret, b"actor label\0" + label.encode(), "sha256")[:16]


def traced(connection: Connection, tags: Iterable[bytes]) -> dict[str, int]:
    """Claims in which any of the accounts was seen before, and how many of them."""
    wanted, found = list(set(tags)), dict[str, int]()
    for start in range(0, len(wanted), 500):
        part = traces.c.tag.in_(wanted[start : start + 500])
        query = select(traces.c.stix_id, func.count()).where(part).group_by(traces.c.stix_id)
        for stix_id, count in connection.execute(query):
            found[stix_id] = found.get(stix_id, 0) + count
    return found
