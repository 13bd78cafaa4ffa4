"""Follows the log and keeps what it means for every claim.

Rules: claims are taken in the order of the log, which is the order of commits, so nothing is
missed whatever worker follows. Whoever changes standing holds ``meta.STANDING``; each change of a
claim gets an instant of its own, later than all before, whatever the clock does: readers resume
behind the last they saw, and numbers without gaps would tell outsiders how much they do not see.
"""

from collections.abc import Iterable, Sequence
from dataclasses import astuple
from itertools import groupby
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, bindparam, func, insert, or_, select, update

from stillwatch.hub import redress
from stillwatch.hub.meta import STANDING, fact, locked, put
from stillwatch.hub.schema import (
    appeals,
    identities,
    keys,
    leaves,
    members,
    objects,
    standing,
    voices,
)
from stillwatch.hub.standing.reading import Said, read
from stillwatch.hub.standing.tally import Counts, Facts, State, Voice, count, state

BATCH: Final = 500
"""Leaves followed in one transaction, and ids in one query."""
_ENDED: Final = (State.REVOKED, State.EXPIRED)
Claim = tuple[str, str]
"""Collection and id."""


def behind(connection: Connection, *, now: int) -> bool:
    """Whether there is something to follow: new leaves, or an end that has come."""
    followed, _ = _parse(fact(connection, STANDING[0]) or STANDING[1])
    newest = connection.scalar(select(func.max(leaves.c.index)))
    if newest is not None and newest >= followed:
        return True
    if redress.due(connection, now=now):
        return True
    ended = standing.c.state.not_in(_ENDED) & (standing.c.until <= now)
    lapsed = voices.c.live & (voices.c.until <= now)
    return any(
        connection.scalar(statement.limit(1)) is not None
        for statement in (
            select(standing.c.stix_id).where(ended),
            select(voices.c.stix_id).where(lapsed),
        )
    )


def follow(connection: Connection, *, now: int) -> bool:
    """Take in the next leaves and what has come to its end; whether more leaves wait."""
    followed, clock = _parse(locked(connection, *STANDING))
    now = max(now, clock)  # a clock that is set back revives nothing
    statement = (
        select(leaves.c.index.label("leaf"), objects)
        .join(objects, objects.c.seq == leaves.c.object, isouter=True)
        .where(leaves.c.index >= followed)
        .order_by(leaves.c.index)
        .limit(BATCH)
    )
    found = connection.execute(statement).all()
    touched = {claim for row in found for claim in _take(connection, row, now)}
    touched |= _lapse(connection, now) | set(redress.overdue(connection, now=now))
    clock = _recount(connection, touched, clock, now)
    put(connection, STANDING[0], f"{found[-1].leaf + 1 if found else followed}:{clock}")
    return len(found) == BATCH


def touch(connection: Connection, claims: Iterable[Claim], *, now: int) -> None:
    """Weigh claims anew after something other than the log changed, e.g. an appeal."""
    followed, clock = _parse(locked(connection, *STANDING))
    now = max(now, clock)
    clock = _recount(connection, set(claims), clock, now)
    put(connection, STANDING[0], f"{followed}:{clock}")


def spoken_by(connection: Connection, identity: str) -> set[Claim]:
    """Claims whose standing rests on an identity: its own, and those it judged."""
    own = select(standing.c.collection, standing.c.stix_id).where(standing.c.identity == identity)
    judged = select(voices.c.collection, voices.c.claim).where(voices.c.identity == identity)
    return {(row[0], row[1]) for s in (own, judged) for row in connection.execute(s)}


def _take(connection: Connection, row: Row[Any], now: int) -> set[Claim]:
    if row.seq is None:  # a key statement
        return set()
    said = read(row.body)
    here = (row.collection, said.id)
    touched = set()
    if _keep(connection, row, said):
        touched.add(here)
        if said.revoked:
            redress.answered(connection, *here, "upheld", by="publisher", now=now)
    if said.about is not None:
        about = (row.collection, said.about)
        touched.add(about)
        _voice(connection, row, said)
        _answer(connection, row, said, about, now)
    return touched


def _keep(connection: Connection, row: Row[Any], said: Said) -> bool:
    """Keep the newest version of a claim; one of another publisher changes nothing."""
    values = {
        "object": row.seq,
        "audience": row.audience,
        "key": said.key,
        "added": row.date_added,
        "until": said.until,
        "revoked": said.revoked,
    }
    mine = (standing.c.collection == row.collection) & (standing.c.stix_id == said.id)
    before = connection.execute(select(standing.c.member).where(mine)).first()
    if before is None:
        first = {
            "collection": row.collection,
            "stix_id": said.id,
            "member": row.member,
            "identity": said.identity,
            "stated": row.date_added,
            "state": "new",
            "changed": -row.seq,  # until it is weighed, in the same transaction
            **dict.fromkeys(("confirm", "agree", "dispute", "refute"), 0),
        }
        connection.execute(insert(standing).values({**values, **first}))
        return True
    if before.member != row.member:
        return False
    # a revocation is the last word
    still = mine & ~standing.c.revoked
    return bool(connection.execute(update(standing).where(still).values(values)).rowcount)


def _voice(connection: Connection, row: Row[Any], said: Said) -> None:
    values = {
        "claim": said.about,
        "says": said.says,
        "leaf": row.leaf,
        "key": said.key,
        "added": row.date_added,
        "until": said.until,
        "live": not said.revoked,
    }
    mine = and_(
        voices.c.collection == row.collection,
        voices.c.stix_id == said.id,
        voices.c.member == row.member,
    )
    if connection.execute(update(voices).where(mine).values(values)).rowcount:
        return
    first = {
        "collection": row.collection,
        "stix_id": said.id,
        "member": row.member,
        "identity": said.identity,
    }
    connection.execute(insert(voices).values({**values, **first}))


def _answer(connection: Connection, row: Row[Any], said: Said, about: Claim, now: int) -> None:
    """Let a publisher's opinion on its own claim, or an operator's, decide the appeals."""
    if said.outcome is None or said.revoked:
        return
    role = connection.scalar(select(members.c.role).where(members.c.id == row.member))
    its = (standing.c.collection == about[0]) & (standing.c.stix_id == about[1])
    identity = connection.scalar(select(standing.c.identity).where(its))
    if identity == said.identity:
        redress.answered(connection, *about, said.outcome, by="publisher", now=now)
    elif role == "operator":
        redress.answered(connection, *about, said.outcome, by="operator", now=now)


def _lapse(connection: Connection, now: int) -> set[Claim]:
    """Silence voices past their end; the claims they judged, and claims past theirs."""
    lapsed = voices.c.live & (voices.c.until <= now)
    ended = standing.c.state.not_in(_ENDED) & (standing.c.until <= now)
    touched = {
        (row[0], row[1])
        for statement in (
            select(voices.c.collection, voices.c.claim).where(lapsed),
            select(standing.c.collection, standing.c.stix_id).where(ended),
        )
        for row in connection.execute(statement)
    }
    connection.execute(update(voices).where(lapsed).values(live=False))
    return touched


def _recount(connection: Connection, touched: set[Claim], clock: int, now: int) -> int:
    """Weigh claims anew and date what changed; the last instant given."""
    changed = []
    for collection, group in groupby(sorted(touched), key=lambda claim: claim[0]):
        ids = [stix_id for _, stix_id in group]
        for at in range(0, len(ids), BATCH):
            changed += _weigh(connection, collection, ids[at : at + BATCH], now)
    for row in changed:
        clock = max(clock + 1, now)
        row["at"] = clock
    if changed:
        which = and_(
            standing.c.collection == bindparam("where"), standing.c.stix_id == bindparam("which")
        )
        names = ("state", "confirm", "agree", "dispute", "refute")
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
        statement = update(standing).where(which).values(changed=bindparam("at"), **values)
        connection.execute(statement, changed)
    return clock


def _weigh(
    connection: Connection, collection: str, ids: Sequence[str], now: int
) -> list[dict[str, Any]]:
    claims = connection.execute(_claims(collection, ids)).all()
    spoken = _spoken(connection, collection, ids)
    frozen = _frozen(connection, collection, ids)
    rows = []
    for claim in claims:
        counts = count(claim.member, spoken.get(claim.stix_id, ()))
        facts = Facts(
            revoked=claim.revoked,
            frozen=claim.stix_id in frozen,
            suspended=claim.identity_state == "suspended",
            compromised=claim.compromised is not None and claim.added >= claim.compromised,
            expired=claim.until <= now,
        )
        row = _change(claim, state(facts, counts), counts)
        if row is not None:
            rows.append(row)
    return rows


def _change(claim: Row[Any], now_is: State, counts: Counts) -> dict[str, Any] | None:
    before = (claim.state, claim.confirm, claim.agree, claim.dispute, claim.refute)
    after = (str(now_is), *astuple(counts))
    # a new version is news even if it stands as the one before
    if before == after and claim.changed >= claim.added:
        return None
    names = ("new_state", "new_confirm", "new_agree", "new_dispute", "new_refute")
    return {
        "where": claim.collection,
        "which": claim.stix_id,
        **dict(zip(names, after, strict=True)),
    }


def _claims(collection: str, ids: Sequence[str]) -> Any:
    joined = standing.join(identities, identities.c.id == standing.c.identity, isouter=True).join(
        keys, keys.c.id == standing.c.key, isouter=True
    )
    columns = (standing, identities.c.state.label("identity_state"), keys.c.compromised)
    its = (standing.c.collection == collection) & standing.c.stix_id.in_(ids)
    return select(*columns).select_from(joined).where(its).order_by(standing.c.object)


def _spoken(connection: Connection, collection: str, ids: Sequence[str]) -> dict[str, list[Voice]]:
    """Voices that count, by claim: live, of a member in good standing, of a sound key."""
    joined = voices.join(identities, identities.c.id == voices.c.identity, isouter=True).join(
        keys, keys.c.id == voices.c.key, isouter=True
    )
    sound = or_(keys.c.compromised.is_(None), voices.c.added < keys.c.compromised)
    heard = or_(identities.c.state.is_(None), identities.c.state != "suspended")
    statement = (
        select(voices.c.claim, voices.c.member, voices.c.says, voices.c.leaf)
        .select_from(joined)
        .where(voices.c.collection == collection, voices.c.claim.in_(ids), voices.c.live)
        .where(sound, heard)
    )
    found: dict[str, list[Voice]] = {}
    for row in connection.execute(statement):
        found.setdefault(row.claim, []).append(Voice(row.member, row.says, row.leaf))
    return found


def _frozen(connection: Connection, collection: str, ids: Sequence[str]) -> set[str]:
    holds = appeals.c.state.in_(("open", "upheld"))
    its = (appeals.c.collection == collection) & appeals.c.stix_id.in_(ids)
    return set(connection.scalars(select(appeals.c.stix_id).where(its, holds)))


def _parse(text: str) -> tuple[int, int]:
    followed, _, clock = text.partition(":")
    return int(followed), int(clock)
