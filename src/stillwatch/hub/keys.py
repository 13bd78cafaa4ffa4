"""Signing keys of members and of their pseudonyms; every change is a statement in the log.

Rules: what a statement may say follows from the keys before it (``crypto/statements.py``); here
it is also held against who sends it. An identity belongs to one member for good. A *pseudonym*
is an identity that its member chose itself: the hub keeps who holds it, and tells nobody but
the holder. Changes of one member's keys follow one another (its row is locked), so of two
rotations at once one wins and the other is told that the key has changed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, insert, select, update

from stillwatch.crypto import statements
from stillwatch.crypto.keys import from_jwk, key_id, to_jwk
from stillwatch.domain.claim import KeyId, StixId
from stillwatch.errors import NotTrusted
from stillwatch.hub import members as hub_members
from stillwatch.hub.clock import instant, maybe
from stillwatch.hub.members import Member
from stillwatch.hub.meta import STANDING, locked
from stillwatch.hub.quotas import limit, pseudonyms
from stillwatch.hub.refusals import Conflict, Forbidden, Malformed, Missing, QuotaSpent
from stillwatch.hub.schema import identities, keys, members
from stillwatch.intel.objects import parse_time

Log = Callable[[Connection, Sequence[dict[str, Any]]], None]
"""Puts key statements into the transparency log, in the caller's transaction."""
SKEW: Final = 15 * 60 * 1_000_000
"""Microseconds by which a statement's time may differ from the hub's."""
PAGE: Final = 1000
"""Keys on a page of the directory."""


@dataclass(frozen=True, slots=True)
class ListedKey:
    """A key as every member may see it."""

    kid: str
    """RFC 7638 thumbprint."""
    identity: str
    member: str | None
    """Name of the member; None for a pseudonym."""
    key: dict[str, str]
    """The public half as a JWK."""
    state: str
    """active, suspended, ended."""
    stated: str
    ended: str | None
    compromised: str | None
    """Since when others may have signed with it."""


def apply(
    connection: Connection,
    log: Log,
    member: Member,
    statement: Any,
    *,
    now: int,
    pseudonym: bool = False,
    since: int | None = None,
) -> ListedKey:
    """Do what a member's statement says: enrol, rotate or end a key.

    ``since`` says from when an ended key was in other hands. Raises ``Malformed`` for a statement
    that does not hold, ``Forbidden`` for another's identity, ``Conflict`` if the keys have
    changed, ``QuotaSpent`` for a pseudonym too many.
    """
    action = _checked(statement, now)
    locked(connection, *STANDING)
    connection.execute(select(members.c.id).where(members.c.id == member.id).with_for_update())
    if action == "add":
        _enrol(connection, member, statement, pseudonym=pseudonym, now=now)
    else:
        _held(connection, member, statement["identity"])
    if action == "end":
        return _end(connection, log, member, statement, since=since, now=now)
    kid = key_id(_public(statement))
    if connection.scalar(select(keys.c.id).where(keys.c.id == kid)) is not None:
        raise Conflict(f"key {kid} was stated before", hint="make a new key")
    _follow(connection, statement)
    if action == "rotate":
        finish(connection, statement["replaces"], now)
    row = {
        "id": kid,
        "member": member.id,
        "identity": statement["identity"],
        "public": _public(statement),
        "stated": now,
    }
    connection.execute(insert(keys).values(row))
    log(connection, [statement])
    hub_members.raise_rights(connection)
    return _listed(connection, kid)


def voices_of(connection: Connection, member: int) -> Mapping[tuple[str, str], bytes]:
    """What a member may sign with now: public keys by identity and key id."""
    joined = keys.join(identities, identities.c.id == keys.c.identity)
    statement = (
        select(keys.c.identity, keys.c.id, keys.c.public)
        .select_from(joined)
        .where(identities.c.member == member, identities.c.state == "active")
        .where(keys.c.ended.is_(None))
    )
    return {(row.identity, row.id): row.public for row in connection.execute(statement)}


def identity_state(connection: Connection, identity: str, state: str) -> None:
    """Let an identity rest, speak again or end."""
    connection.execute(update(identities).where(identities.c.id == identity).values(state=state))


def active(connection: Connection, identity: str) -> KeyId | None:
    """The key of an identity that did not end."""
    alive = (keys.c.identity == identity) & keys.c.ended.is_(None)
    kid = connection.scalar(select(keys.c.id).where(alive))
    return None if kid is None else KeyId(kid)


def of_member(connection: Connection, member: int) -> Sequence[Row[Any]]:
    """Identities of a member: ``id``, ``open``, ``state``, ``since``; its own first."""
    statement = select(identities).where(identities.c.member == member)
    return connection.execute(
        statement.order_by(identities.c.open.desc(), identities.c.since)
    ).all()


def finish(connection: Connection, kid: str, now: int) -> None:
    """Note that a key ended."""
    connection.execute(update(keys).where(keys.c.id == kid).values(ended=now))


def directory(connection: Connection, after: str = "", limit_: int = PAGE) -> list[ListedKey]:
    """Keys by id, from behind ``after``; whose a pseudonym is stays with the hub."""
    statement = _directory().where(keys.c.id > after).order_by(keys.c.id).limit(limit_)
    return [_told(row) for row in connection.execute(statement)]


def _checked(statement: Any, now: int) -> str:
    if not isinstance(statement, dict) or not isinstance(statement.get("action"), str):
        raise Malformed("a key statement is a JSON object with an action")
    try:
        statements.check_form(statement)
        at = parse_time(statement["at"])
    except (NotTrusted, ValueError) as error:
        raise Malformed(str(error)) from error
    action = str(statement["action"])
    if action not in ("add", "rotate", "end"):
        raise Forbidden(f"only the hub may {action} a key", hint="use add, rotate or end")
    if abs(at - now) > SKEW:
        raise Malformed(
            f"the statement is of {statement['at']}, here it is {instant(now)}",
            hint="set your clock and sign it anew",
        )
    return action


def _enrol(
    connection: Connection, member: Member, statement: Any, *, pseudonym: bool, now: int
) -> None:
    identity = statement["identity"]
    holder = connection.scalar(select(identities.c.member).where(identities.c.id == identity))
    if holder is not None and holder != member.id:
        raise Forbidden(f"{identity} is not yours")
    if active(connection, identity) is not None:
        raise Conflict(f"{identity} has a key", hint="rotate it: the key before signs the new one")
    if holder is not None:
        return
    if not pseudonym:
        raise Malformed(
            f"{identity} is not your identity, {member.identity}",
            hint="say pseudonym=true to speak under a further name",
        )
    most = limit(connection, member.id, "pseudonyms", now=now)
    if (held := pseudonyms(connection, member.id)) >= most:
        raise QuotaSpent(
            f"the quota of {most} pseudonyms held is spent ({held} held)",
            kind="pseudonyms",
            retry_after=86_400,
            hint="end one, or see GET /v1/members/me for what would raise it",
        )
    hub_members.hold(connection, member.id, identity, is_open=False, now=now)


def _held(connection: Connection, member: Member, identity: str) -> None:
    holder = connection.scalar(select(identities.c.member).where(identities.c.id == identity))
    if holder != member.id:
        raise Forbidden(f"{identity} is not yours")


def _follow(connection: Connection, statement: Any) -> None:
    """Hold a statement against the identity's keys, as every reader of the log does."""
    replaces = statement.get("replaces")
    if replaces is not None and active(connection, statement["identity"]) != replaces:
        raise Conflict(
            f"{replaces} is not the current key of {statement['identity']}",
            hint="GET /v1/keys shows it; sign the rotation with that one",
        )
    try:
        _ring(connection, statement["identity"]).apply(statement, 2**62)
    except NotTrusted as error:
        raise Malformed(str(error)) from error


def _ring(connection: Connection, identity: str) -> statements.KeyRing:
    # only the order of keys matters to the ring, so the time stands for the leaf's index
    found = connection.execute(select(keys).where(keys.c.identity == identity)).all()
    ring = {
        KeyId(row.id): statements.Key(
            KeyId(row.id),
            StixId(identity),
            row.public,
            row.stated,
            "active" if row.ended is None else "ended",
        )
        for row in found
    }
    return statements.KeyRing(ring)


def _end(
    connection: Connection,
    log: Log,
    member: Member,
    statement: Any,
    *,
    since: int | None,
    now: int,
) -> ListedKey:
    kid, identity, reason = statement["kid"], statement["identity"], statement["reason"]
    row = connection.execute(
        select(keys).where(keys.c.id == kid, keys.c.identity == identity)
    ).first()
    if row is None:
        raise Missing(f"{identity} has no key {kid}")
    if reason == "removed":
        raise Forbidden("only the hub removes", hint="say retired or compromised")
    if since is not None and (reason != "compromised" or since > now):
        raise Malformed(
            "since is for a compromised key and not in the future",
            hint="leave it out for a key that was compromised all along",
        )
    if row.ended is None:
        _follow(connection, statement)
        finish(connection, kid, now)
        log(connection, [statement])
        identity_state(connection, identity, "ended")
        if identity == member.identity:
            _renew(connection, member, now)
    elif reason != "compromised" or row.compromised is not None:
        raise Conflict(f"key {kid} has ended")
    if reason == "compromised":
        at = row.stated if since is None else since
        connection.execute(update(keys).where(keys.c.id == kid).values(compromised=at))
    hub_members.raise_rights(connection)
    return _listed(connection, kid)


def _renew(connection: Connection, member: Member, now: int) -> None:
    """Give a member whose identity ended with its key a new one."""
    identity = hub_members.new_identity()
    hub_members.hold(connection, member.id, identity, is_open=True, now=now)
    changed = update(members).where(members.c.id == member.id).values(identity=identity)
    connection.execute(changed)


def _public(statement: Any) -> bytes:
    try:
        return from_jwk(statement["key"])
    except Exception as error:
        raise Malformed(f"member key of the statement: {error}") from error


def _directory() -> Any:
    joined = keys.join(identities, identities.c.id == keys.c.identity).join(
        members, members.c.id == identities.c.member
    )
    return select(keys, identities.c.open, identities.c.state, members.c.name).select_from(joined)


def _listed(connection: Connection, kid: str) -> ListedKey:
    return _told(connection.execute(_directory().where(keys.c.id == kid)).one())


def _told(row: Row[Any]) -> ListedKey:
    return ListedKey(
        row.id,
        row.identity,
        row.name if row.open else None,
        to_jwk(row.public),
        "ended" if row.ended is not None else row.state,
        instant(row.stated),
        maybe(row.ended),
        maybe(row.compromised),
    )
