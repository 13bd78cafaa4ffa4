"""Collections: what they are called, what they take, and who may read and write them.

Rules: an alias works in URLs wherever the id does, so it is a name that cannot be taken for an id.
A change of grants raises the rights revision: it counts from the next request on.
"""

import re
import uuid
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, insert, or_, select

from stillwatch.errors import InputError
from stillwatch.hub.members import named, raise_rights
from stillwatch.hub.schema import collections, grants

POLICIES: Final = ("claims", "open")
_ALIAS: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_TITLE: Final = 200
"""Characters of a title."""


def add(
    connection: Connection,
    title: str,
    policy: str,
    *,
    alias: str | None = None,
    description: str | None = None,
    readers: Sequence[str] = (),
    writers: Sequence[str] = (),
) -> str:
    """Make a collection that those members may read and write; its id.

    Raises ``InputError`` for a policy, title, alias or member that cannot be, or is taken.
    """
    if policy not in POLICIES:
        raise InputError(
            f"{policy!r} is no policy",
            hint="use claims (signed, checked, never deleted) or open (any STIX)",
        )
    if not 0 < len(title) <= _TITLE or not title.isprintable():
        raise InputError(f"a title has 1 to {_TITLE} printable characters")
    _check_alias(connection, alias)
    rights = {named(connection, name).id: [name in readers, name in writers] for name in
              dict.fromkeys((*readers, *writers))}
    row = {
        "id": str(uuid.uuid4()),
        "title": title,
        "description": description,
        "alias": alias,
        "policy": policy,
        "clock": 0,
    }
    connection.execute(insert(collections).values(row))
    if rights:
        connection.execute(
            insert(grants),
            [
                {"collection": row["id"], "member": member, "can_read": read, "can_write": write}
                for member, (read, write) in rights.items()
            ],
        )
    raise_rights(connection)
    return str(row["id"])


def _check_alias(connection: Connection, alias: str | None) -> None:
    if alias is None:
        return
    if not _ALIAS.fullmatch(alias) or _is_uuid(alias):
        raise InputError(
            f"{alias!r} cannot be an alias",
            hint="use 1 to 63 of a-z, 0-9, dot, dash and underscore, a letter or digit first, no UUID",
        )
    taken = or_(collections.c.alias == alias, collections.c.id == alias)
    if connection.scalar(select(collections.c.id).where(taken)) is not None:
        raise InputError(f"there is a collection {alias!r} already", hint="choose another alias")


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
