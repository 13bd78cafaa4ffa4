"""Tokens: the secrets with which a member's programs sign in.

Rules: a token is 256 random bits behind a prefix that secret scanners can look for. The hub keeps
its SHA-256 only (the secret is random, so a slow hash would add nothing), and shows it once. An
unknown, expired, revoked or suspended one is told apart in the audit, never in the answer.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from stillwatch.errors import InputError
from stillwatch.hub.members import Member, Role, State, raise_rights
from stillwatch.hub.schema import members, tokens

PREFIX = "stillwatch_"
_BYTES = 32
_LABEL = 64
"""Characters of a label, at most."""


@dataclass(frozen=True, slots=True)
class Token:
    """What may be told about a token: everything but the secret."""

    id: int
    member: str
    """Name of the member."""
    label: str
    issued: int
    """Microseconds since 1970, like the others."""
    expires: int | None
    revoked: int | None


@dataclass(frozen=True, slots=True)
class Holder:
    """Who a token speaks for."""

    token: int
    """Row of the token."""
    label: str
    member: Member
    expires: int | None


def issue(
    connection: Connection,
    member: Member,
    *,
    now: int,
    label: str = "first",
    expires: int | None = None,
) -> str:
    """A new token of a member, to be shown once.

    Raises ``InputError`` for a label that cannot be printed, an end in the past, or a member
    that was removed.
    """
    if not 0 < len(label) <= _LABEL or not label.isprintable():
        raise InputError(
            f"{label[:_LABEL]!r} cannot be a token's label",
            hint=f"use 1 to {_LABEL} printable characters, e.g. the program it is for",
        )
    if expires is not None and expires <= now:
        raise InputError("the token would have expired already", hint="give a later end")
    if member.state is State.REMOVED:
        raise InputError(f"{member.name} was removed", hint="add a member under another name")
    token = PREFIX + secrets.token_urlsafe(_BYTES)
    row = {
        "member": member.id,
        "digest": digest(token),
        "label": label,
        "issued": now,
        "expires": expires,
    }
    connection.execute(insert(tokens).values(row))
    return token


def digest(token: str) -> bytes:
    """What the hub keeps of a token: SHA-256 of its text."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def holder(connection: Connection, token: str, *, now: int) -> Holder | None:
    """Who may act with this token now, or nobody.

    The one look-up is by digest: how long it takes says nothing about tokens that exist, because
    nobody can choose a text whose digest begins as they like and learn anything of the secret.
    """
    statement = (
        select(
            tokens.c.id.label("token"),
            tokens.c.label,
            tokens.c.expires,
            tokens.c.revoked,
            members,
        )
        .join(members, members.c.id == tokens.c.member)
        .where(tokens.c.digest == digest(token))
    )
    row = connection.execute(statement).mappings().first()
    if row is None or row["state"] != State.ACTIVE or row["revoked"] is not None:
        return None
    if row["expires"] is not None and row["expires"] <= now:
        return None
    member = Member(
        row["id"], row["name"], row["identity"], Role(row["role"]), State.ACTIVE, row["added"]
    )
    return Holder(row["token"], row["label"], member, row["expires"])


def revoke(connection: Connection, token: int, *, now: int) -> Token:
    """End a token at once, in every worker. Raises ``InputError`` if there is no such one."""
    found = [t for t in listed(connection) if t.id == token]
    if not found:
        raise InputError(f"there is no token {token}", hint="`stillwatch hub token list` shows all")
    ended = tokens.c.id == token
    connection.execute(update(tokens).where(ended, tokens.c.revoked.is_(None)).values(revoked=now))
    raise_rights(connection)
    return next(t for t in listed(connection) if t.id == token)


def listed(connection: Connection, member: str | None = None) -> Sequence[Token]:
    """Tokens of one member or of all, oldest first, without their secrets."""
    statement = (
        select(
            tokens.c.id,
            members.c.name.label("member"),
            tokens.c.label,
            tokens.c.issued,
            tokens.c.expires,
            tokens.c.revoked,
        )
        .join(members, members.c.id == tokens.c.member)
        .order_by(tokens.c.id)
    )
    if member is not None:
        statement = statement.where(members.c.name == member)
    return [Token(**row) for row in connection.execute(statement).mappings()]
