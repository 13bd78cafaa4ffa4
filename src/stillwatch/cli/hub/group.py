"""``stillwatch hub group``: sets of members that a claim can be narrowed to."""

from typing import Annotated

import typer
from sqlalchemy import Connection

from stillwatch.cli.hub.acting import print_json, print_table, reading, writing
from stillwatch.cli.hub.options import Json, Url
from stillwatch.hub import audit, groups, members
from stillwatch.hub.clock import now

group = typer.Typer(help="Sharing groups.", no_args_is_help=True)
Group = Annotated[str, typer.Argument(help="Name of the group.")]
Member = Annotated[str, typer.Argument(help="Name of the member.")]


@group.command()
def add(name: Group, database: Url, json: Json = False) -> None:
    """Make an empty group."""
    with writing(database) as connection:
        groups.add(connection, name)
        _record(connection, "group.add", name)
    _tell(database, name, json)


@group.command()
def join(name: Group, member: Member, database: Url, json: Json = False) -> None:
    """Put a member into a group: from now on it sees what is addressed to it."""
    with writing(database) as connection:
        groups.join(connection, name, members.named(connection, member))
        _record(connection, "group.join", f"{name}: {member}")
    _tell(database, name, json)


@group.command()
def leave(name: Group, member: Member, database: Url, json: Json = False) -> None:
    """Take a member out of a group; what it received already it keeps."""
    with writing(database) as connection:
        groups.leave(connection, name, members.named(connection, member))
        _record(connection, "group.leave", f"{name}: {member}")
    _tell(database, name, json)


@group.command("list")
def list_(database: Url, json: Json = False) -> None:
    """Show all groups and who is in them."""
    with reading(database) as connection:
        found = groups.listed(connection)
    if json:
        print_json(dict(found))
        return
    print_table(("group", "members"), [(name, ", ".join(who)) for name, who in found.items()])


def _record(connection: Connection, action: str, subject: str) -> None:
    audit.append(connection, [audit.Act(now(), None, action, subject)])


def _tell(database: str, name: str, json: bool) -> None:
    with reading(database) as connection:
        who = groups.listed(connection)[name]
    if json:
        print_json({"group": name, "members": who})
        return
    print(f"{name}: {', '.join(who) or 'nobody'}")
