"""Taking objects back out of an open collection, for who posted them.

Rules: an object goes when the last of its posters (``audience``) deletes it. As long as another one
is left it stays for that one, under the rule that it would have made by itself; who deleted it sees
it only if that rule shows it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from sqlalchemy import ColumnElement, Connection, delete, select, update

from stillwatch.hub import audience
from stillwatch.hub.auth import Caller
from stillwatch.hub.schema import audiences, collections, members, objects


@dataclass(frozen=True, slots=True)
class Posted:
    """A stored object, and who posted it."""

    seq: int
    member: int
    """Its first poster."""
    posters: tuple[str, ...]
    """Names of the others."""
    body: bytes

    def is_of(self, caller: Caller) -> bool:
        """Whether the caller is one of its posters."""
        return caller.member == self.member or caller.name in self.posters


def of(connection: Connection, collection: str, wanted: ColumnElement[bool]) -> list[Posted]:
    """The objects of a condition on ``objects``; their collection is locked, as writers do."""
    mine = collections.c.id == collection
    connection.execute(select(collections.c.id).where(mine).with_for_update())
    found = connection.execute(
        select(objects.c.seq, objects.c.member, audiences.c.rule, objects.c.body)
        .join(audiences, audiences.c.id == objects.c.audience)
        .where(wanted)
    )
    return [Posted(r.seq, r.member, audience.posters(r.rule), r.body) for r in found]


def withdraw(
    connection: Connection, collection: str, caller: Caller, rows: Sequence[Posted]
) -> None:
    """Delete the caller's objects, or hand them on to who else posted them."""
    alone = [one.seq for one in rows if not one.posters]
    connection.execute(delete(objects).where(objects.c.seq.in_(alone)))
    for one in rows:
        if one.posters:
            _hand_on(connection, collection, caller, one)


def _hand_on(connection: Connection, collection: str, caller: Caller, one: Posted) -> None:
    rest = [name for name in one.posters if name != caller.name]
    if one.member == caller.member:
        first, rest = rest[0], rest[1:]
        kept = connection.execute(select(members).where(members.c.name == first)).one()
    else:
        kept = connection.execute(select(members).where(members.c.id == one.member)).one()
    rule = audience.shared(audience.rule(orjson.loads(one.body), kept.name), rest)
    ids = audience.keep(connection, collection, [rule])
    connection.execute(
        update(objects).where(objects.c.seq == one.seq).values(member=kept.id, audience=ids[rule])
    )
