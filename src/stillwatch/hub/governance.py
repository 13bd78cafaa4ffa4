"""Acts that touch several parts of the hub: suspension, removal, and what a member may say.

Rules: a suspension takes effect everywhere in one transaction: tokens, keys, the log, standing,
the audit. Pseudonyms are left out of what others can see of it unless the operator says so,
because two names that fall silent in one instant are known to be one. Locks are taken in one
order by every transaction of the hub: use, member, collection, standing, log, audit.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, select

from stillwatch.crypto import statements
from stillwatch.crypto.canonical import canonical
from stillwatch.crypto.records import key_record
from stillwatch.hub import keys as hub_keys
from stillwatch.hub.audience import EVERYONE, keep
from stillwatch.hub.audit import Act, append
from stillwatch.hub.clock import instant
from stillwatch.hub.database import Database
from stillwatch.hub.keys import Log
from stillwatch.hub.logkey import LogSigner
from stillwatch.hub.members import Member, State, set_state
from stillwatch.hub.meta import STANDING, locked
from stillwatch.hub.refusals import Conflict
from stillwatch.hub.schema import standing, voices
from stillwatch.hub.standing.follow import BATCH, behind, follow, spoken_by, touch
from stillwatch.hub.standing.reading import Said
from stillwatch.hub.transparency import log as transparency

_ACTS: Final = {
    State.SUSPENDED: "member.suspend",
    State.ACTIVE: "member.reinstate",
    State.REMOVED: "member.remove",
}
_FROM: Final = {
    State.SUSPENDED: (State.ACTIVE,),
    State.ACTIVE: (State.SUSPENDED,),
    State.REMOVED: (State.ACTIVE, State.SUSPENDED),
}


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a member."""

    member: Member
    marked: int
    """Claims whose standing was weighed anew."""
    untouched: int
    """Pseudonyms whose claims show no mark."""


def into(signer: LogSigner) -> Log:
    """How key statements get into a log: shown to every member, signed in the transaction."""

    def log(connection: Connection, said: Sequence[dict[str, Any]]) -> None:
        audience = keep(connection, None, [EVERYONE])[EVERYONE]
        rows = [
            transparency.Row(key_record(one), audience, statement=canonical(one)) for one in said
        ]
        transparency.append(connection, rows, signer)

    return log


def change(
    connection: Connection,
    log: Log,
    member: Member,
    state: State,
    *,
    now: int,
    with_pseudonyms: bool = False,
    by: int | None = None,
) -> Change:
    """Suspend, reinstate or remove a member. Raises ``Conflict`` if its state does not allow it."""
    if member.state not in _FROM[state]:
        raise Conflict(f"{member.name} is {member.state}", hint="`stillwatch hub member list`")
    locked(connection, *STANDING)
    follow_all(connection, now=now)
    claims: set[tuple[str, str]] = set()
    said: list[dict[str, Any]] = []
    untouched = 0
    for identity in hub_keys.of_member(connection, member.id):
        shown = identity.open or with_pseudonyms or _was_shown(identity.state, state)
        if identity.state == "ended" or not shown:
            untouched += identity.state != "ended"
            continue
        said += _statements(connection, identity.id, identity.state, state, now)
        hub_keys.identity_state(
            connection, identity.id, "active" if state is State.ACTIVE else "suspended"
        )
        claims |= spoken_by(connection, identity.id)
    changed = set_state(connection, member, state)
    touch(connection, claims, now=now)
    if said:
        log(connection, said)
    append(connection, [Act(now, by, _ACTS[state], member.name, len(claims))])
    return Change(changed, len(claims), untouched)


def follow_all(connection: Connection, *, now: int) -> None:
    """Follow the log to its end."""
    while follow(connection, now=now):
        pass


def up_to_date(database: Database, *, now: int) -> None:
    """Follow the log as far as it is, if somebody is behind; a transaction a batch."""
    with database.read() as connection:
        waiting = behind(connection, now=now)
    while waiting:
        with database.write() as connection:
            waiting = follow(connection, now=now)


def admit(
    connection: Connection, member: int, collection: str, claims: Sequence[Said], *, now: int
) -> Mapping[int, str]:
    """Say which claims of a member may not enter a collection, by place, and why.

    One member has one voice on a claim, under one name. Were a second accepted and not counted,
    the count would tell every reader that both names are of one member; the same for a name that
    judges its member's own claim. Holds the lock of standing until the transaction ends.
    """
    locked(connection, *STANDING)
    follow_all(connection, now=now)
    ids = [said.about for said in claims if said.about is not None]
    publishers = _publishers(connection, collection, ids)
    spoken = _spoken(connection, member, collection, [*ids, *(said.id for said in claims)])
    refused: dict[int, str] = {}
    for place, said in enumerate(claims):
        why = _voice_refusal(said, member, publishers, spoken)
        if why is not None:
            refused[place] = why
            continue
        publishers.setdefault(said.id, (member, said.identity))
        if said.about is not None and not said.revoked:
            spoken.setdefault(said.about, said.identity)
    return refused


def _voice_refusal(
    said: Said,
    member: int,
    publishers: Mapping[str, tuple[int, str]],
    spoken: Mapping[str, str],
) -> str | None:
    if said.revoked:
        return None
    if spoken.get(said.id, said.identity) != said.identity:
        return "another name of yours has judged this id before: publish it under a new id"
    if said.about is None:
        return None
    holder, identity = publishers.get(said.about, (None, ""))
    if holder == member and said.outcome is None:
        return "the claim is your own: revoke it or publish a new version instead of judging it"
    if holder == member and identity != said.identity:
        return "answer the appeal under the name that published the claim"
    if said.outcome is None and spoken.get(said.about, said.identity) != said.identity:
        return "another name of yours has judged this claim: revoke that first, or use that name"
    return None


def _publishers(
    connection: Connection, collection: str, ids: Sequence[str]
) -> dict[str, tuple[int, str]]:
    found: dict[str, tuple[int, str]] = {}
    for part in _parts(ids):
        its = (standing.c.collection == collection) & standing.c.stix_id.in_(part)
        statement = select(standing.c.stix_id, standing.c.member, standing.c.identity).where(its)
        found |= {r.stix_id: (r.member, r.identity) for r in connection.execute(statement)}
    return found


def _spoken(
    connection: Connection, member: int, collection: str, ids: Sequence[str]
) -> dict[str, str]:
    """Under which name a member has judged each claim."""
    found: dict[str, str] = {}
    for part in _parts(ids):
        mine = (voices.c.collection == collection) & (voices.c.member == member) & voices.c.live
        statement = select(voices.c.claim, voices.c.identity).where(mine, voices.c.claim.in_(part))
        found |= {row.claim: row.identity for row in connection.execute(statement)}
    return found


def _parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """What one query may ask for."""
    wanted = sorted(set(ids))
    for at in range(0, len(wanted), BATCH):
        yield wanted[at : at + BATCH]


def _was_shown(now_is: str, state: State) -> bool:
    """Whether a pseudonym's suspension is on record already, and ends with its member's."""
    return now_is == "suspended" and state is not State.SUSPENDED


def _statements(
    connection: Connection, identity: str, now_is: str, state: State, now: int
) -> list[dict[str, Any]]:
    kid = hub_keys.active(connection, identity)
    if kid is None:
        return []
    at = instant(now)
    if state is State.REMOVED:
        hub_keys.finish(connection, kid, now)
        return [statements.end(identity, kid, at, "removed")]
    if state is State.ACTIVE:
        return [statements.restore(identity, kid, at)] if now_is == "suspended" else []
    return [statements.suspend(identity, kid, at)]
