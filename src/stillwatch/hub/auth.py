"""Who calls: Basic (NAME:token) and bearer credentials, and what they may do.

Rules: every request reads the rights revision, so a revoked token, a suspended member, a withdrawn
grant or a left group counts from the next request on, in every worker. What was found under the
same revision is remembered by the digest of the credentials, never by their text. Known and
unknown names cost the same one look-up, and the answer is the same.
"""

import base64
import binascii
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, select
from starlette.requests import Request

from stillwatch.hub.clock import now as the_clock
from stillwatch.hub.groups import of as groups_of
from stillwatch.hub.members import Role, rights
from stillwatch.hub.schema import collections, grants
from stillwatch.hub.tokens import Holder, holder

CHALLENGES: Final = 'Basic realm="stillwatch", charset="UTF-8", Bearer realm="stillwatch"'
_REMEMBERED: Final = 4096
_LONGEST: Final = 1024
"""Characters of credentials; ours have about 150."""


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection as one member may use it."""

    id: str
    title: str
    description: str | None
    alias: str | None
    policy: str
    """claims or open."""
    can_read: bool
    can_write: bool


@dataclass(frozen=True, slots=True)
class Caller:
    """A member that asks, with its rights at that instant."""

    member: int
    """Row of the member."""
    name: str
    identity: str
    role: Role
    groups: frozenset[str]
    collections: tuple[Collection, ...]
    """Those it may read or write, by id."""
    rights: int
    """The revision under which this was found."""
    label: str
    """Of the token."""
    _named: Mapping[str, Collection] = field(repr=False, compare=False, default_factory=dict)

    def collection(self, name: str) -> Collection | None:
        """The collection of that id or alias, if the caller may read or write it."""
        return self._named.get(name)


class Authenticator:
    """Tells who calls; one for a worker."""

    def __init__(self, clock: Callable[[], int] = the_clock) -> None:
        self._clock = clock
        self._kept: OrderedDict[bytes, tuple[Caller, int | None]] = OrderedDict()

    def caller(self, connection: Connection, header: str | None) -> Caller | None:
        """Who sends this ``Authorization`` header now, or nobody."""
        if header is None or len(header) > _LONGEST:
            return None
        revision = rights(connection)
        key = hashlib.sha256(header.encode("utf-8", "surrogatepass")).digest()
        known = self._kept.get(key)
        if known is not None and known[0].rights == revision:
            if known[1] is None or self._clock() < known[1]:
                return known[0]
            return None
        found = self._look_up(connection, header, revision)
        self._kept.pop(key, None)
        if found is not None:
            self._kept[key] = found
            if len(self._kept) > _REMEMBERED:
                self._kept.popitem(last=False)
        return None if found is None else found[0]

    def _look_up(
        self, connection: Connection, header: str, revision: int
    ) -> tuple[Caller, int | None] | None:
        name, token = credentials(header)
        held = holder(connection, token, now=self._clock())
        if held is None:
            return None
        if name is not None and not hmac.compare_digest(name.encode(), held.member.name.encode()):
            return None
        return caller_of(connection, held, revision), held.expires


def credentials(header: str) -> tuple[str | None, str]:
    """Name (Basic only) and token of a header; what is neither scheme gives a token of nobody."""
    scheme, _, rest = header.strip().partition(" ")
    rest = rest.strip()
    if scheme.lower() == "bearer":
        return None, rest
    if scheme.lower() == "basic":
        try:
            text = base64.b64decode(rest, validate=True).decode()
        except (binascii.Error, ValueError):
            return "", ""
        name, _, token = text.partition(":")
        return name, token
    return "", ""


def caller_of(connection: Connection, held: Holder, revision: int) -> Caller:
    """A token's holder with its rights."""
    member = held.member
    mine = _collections(connection, member.id)
    named = {c.alias: c for c in mine if c.alias is not None} | {c.id: c for c in mine}
    return Caller(
        member.id,
        member.name,
        member.identity,
        member.role,
        groups_of(connection, member.id),
        mine,
        revision,
        held.label,
        named,
    )


def caller(request: Request) -> Caller:
    """Who asks, for a router: ``Depends(caller)``; the app has let nobody else through."""
    found = request.scope["state"]["caller"]
    assert isinstance(found, Caller)
    return found


def _collections(connection: Connection, member: int) -> tuple[Collection, ...]:
    statement = (
        select(collections, grants.c.can_read, grants.c.can_write)
        .join(grants, grants.c.collection == collections.c.id)
        .where(grants.c.member == member)
    )
    rows = connection.execute(statement)
    mine = (
        Collection(r.id, r.title, r.description, r.alias, r.policy, r.can_read, r.can_write)
        for r in rows
        if r.can_read or r.can_write
    )
    return tuple(sorted(mine, key=lambda collection: collection.id))
