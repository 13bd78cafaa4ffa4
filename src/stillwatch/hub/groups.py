"""Sharing groups: named sets of members that a marking may narrow a claim to.

Rule: who leaves a group no longer sees what is addressed to it, at once and in every worker; what
it has received already cannot be taken back.
"""

from collections.abc import Mapping

from sqlalchemy import Connection, delete, insert, select

from stillwatch.errors import InputError
from stillwatch.hub.members import NAME, Member, raise_rights
from stillwatch.hub.schema import group_members, groups, members


def add(connection: Connection, name: str) -> None:
    """Make an empty group. Raises ``InputError`` if the name cannot be or is taken."""
    if not NAME.fullmatch(name):
        raise InputError(
            f"{name!r} cannot be a group's name",
            hint="use 1 to 63 of a-z, 0-9, dot, dash and underscore, a letter or digit first",
        )
    if _exists(connection, name):
        raise InputError(f"there is a group {name!r} already", hint="choose another name")
    connection.execute(insert(groups).values(name=name))


def join(connection: Connection, name: str, member: Member) -> None:
    """Put a member into a group. Raises ``InputError`` if there is no such group."""
    _check(connection, name)
    if name in of(connection, member.id):
        return
    connection.execute(insert(group_members).values(group=name, member=member.id))
    raise_rights(connection)


def leave(connection: Connection, name: str, member: Member) -> None:
    """Take a member out of a group. Raises ``InputError`` if there is no such group."""
    _check(connection, name)
    both = (group_members.c.group == name) & (group_members.c.member == member.id)
    connection.execute(delete(group_members).where(both))
    raise_rights(connection)


def of(connection: Connection, member: int) -> frozenset[str]:
    """Names of the groups a member is in."""
    statement = select(group_members.c.group).where(group_members.c.member == member)
    return frozenset(connection.scalars(statement))


def listed(connection: Connection) -> Mapping[str, list[str]]:
    """Names of all groups, each with its members' names."""
    joined = groups.outerjoin(group_members, group_members.c.group == groups.c.name).outerjoin(
        members, members.c.id == group_members.c.member
    )
    statement = select(groups.c.name, members.c.name.label("member")).select_from(joined)
    found: dict[str, list[str]] = {}
    for group, member in connection.execute(statement.order_by(groups.c.name, members.c.name)):
        found.setdefault(group, []).extend([] if member is None else [member])
    return found


def _exists(connection: Connection, name: str) -> bool:
    return connection.scalar(select(groups.c.name).where(groups.c.name == name)) is not None


def _check(connection: Connection, name: str) -> None:
    if not _exists(connection, name):
        raise InputError(f"there is no group {name!r}", hint=f"`stillwatch hub group add {name}`")
