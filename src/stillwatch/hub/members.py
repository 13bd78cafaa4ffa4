"""Who belongs to the Forum: members, their roles and their states.

Rules: a name is how a member signs in and never changes; its identity is how it speaks. A member
is never deleted, because what it said and read stays on record. Whatever changes what a member
may do raises the *rights revision* in the same transaction, so that every worker forgets at once
what it remembered about credentials.
"""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, RowMapping, insert, select, update

from stillwatch.errors import InputError
from stillwatch.hub.meta import fact, locked, put
from stillwatch.hub.schema import identities, members

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
"""No colon: Basic credentials end the name with one (RFC 7617)."""
_RIGHTS = "rights"


class Role(StrEnum):
    """What a member is in the Forum."""

    MEMBER = "member"
    """Shares claims."""
    WITNESS = "witness"
    """Only cosigns the log."""
    OPERATOR = "operator"
    """Runs the hub."""


class State(StrEnum):
    """Whether a member takes part."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    """Its tokens do not work and its claims carry a mark; may be reinstated."""
    REMOVED = "removed"
    """Left for good; the name is not given again."""


@dataclass(frozen=True, slots=True)
class Member:
    """An organisation that takes part."""

    id: int
    name: str
    identity: str
    """``identity--`` and a UUID: under it the member speaks openly."""
    role: Role
    state: State
    added: int
    """Microseconds since 1970."""


def add(connection: Connection, name: str, role: str, *, now: int) -> Member:
    """Take a new member in, active.

    Raises ``InputError`` if the name or role cannot be, or the name was given before.
    """
    if not NAME.fullmatch(name):
        raise InputError(
            f"{name!r} cannot be a member's name",
            hint="use 1 to 63 of a-z, 0-9, dot, dash and underscore, a letter or digit first",
        )
    if role not in set(Role):
        raise InputError(f"{role!r} is no role", hint=f"choose one of {', '.join(Role)}")
    if _find(connection, name) is not None:
        raise InputError(f"there is a member {name!r} already", hint="choose another name")
    row = {
        "name": name,
        "identity": new_identity(),
        "role": role,
        "state": State.ACTIVE,
        "added": now,
    }
    key = connection.execute(insert(members).values(row)).inserted_primary_key
    assert key is not None
    member = _member({"id": key[0], **row})
    hold(connection, member.id, member.identity, is_open=True, now=now)
    raise_rights(connection)
    return member


def named(connection: Connection, name: str) -> Member:
    """The member with that name. Raises ``InputError`` if there is none."""
    found = _find(connection, name)
    if found is None:
        raise InputError(
            f"there is no member {name!r}", hint="`stillwatch hub member list` shows all"
        )
    return found


def listed(connection: Connection) -> Sequence[Member]:
    """All members, by name."""
    rows = connection.execute(select(members).order_by(members.c.name)).mappings()
    return [_member(row) for row in rows]


def new_identity() -> str:
    """An identity that nobody has."""
    return f"identity--{uuid.uuid4()}"


def hold(connection: Connection, member: int, identity: str, *, is_open: bool, now: int) -> None:
    """Let a member speak under an identity from now on."""
    row = {"id": identity, "member": member, "open": is_open, "state": "active", "since": now}
    connection.execute(insert(identities).values(row))


def set_state(connection: Connection, member: Member, state: State) -> Member:
    """Change the state of a member and nothing else; see ``governance`` for the whole act."""
    connection.execute(update(members).where(members.c.id == member.id).values(state=state))
    raise_rights(connection)
    return Member(member.id, member.name, member.identity, member.role, state, member.added)


def rights(connection: Connection) -> int:
    """The rights revision: what was remembered under a lower one is void."""
    return int(fact(connection, _RIGHTS) or 0)


def raise_rights(connection: Connection) -> None:
    """Void what workers remember about credentials and grants, once this is committed."""
    put(connection, _RIGHTS, str(int(locked(connection, _RIGHTS, "0")) + 1))


def _find(connection: Connection, name: str) -> Member | None:
    row = connection.execute(select(members).where(members.c.name == name)).mappings().first()
    return None if row is None else _member(row)


def _member(row: RowMapping | dict[str, object]) -> Member:
    return Member(
        int(str(row["id"])),
        str(row["name"]),
        str(row["identity"]),
        Role(str(row["role"])),
        State(str(row["state"])),
        int(str(row["added"])),
    )
