"""``stillwatch hub member``: who belongs to the Forum."""

from typing import Annotated

import orjson
import typer

from stillwatch.cli.hub.options import Json, Url
from stillwatch.hub import audit, members, tokens
from stillwatch.hub.clock import now
from stillwatch.hub.setup import opened

member = typer.Typer(help="Add members.", no_args_is_help=True)


@member.command()
def add(
    name: Annotated[str, typer.Argument(help="How it signs in: a-z, 0-9, dot, dash, underscore.")],
    database: Url,
    role: Annotated[
        str, typer.Option("--role", help="member, witness or operator.")
    ] = members.Role.MEMBER,
    json: Json = False,
) -> None:
    """Take a member in and print its token, once.

    With Basic credentials the member sends NAME:TOKEN, with Bearer the token alone.
    """
    hub = opened(database)
    try:
        with hub.write() as connection:
            made = members.add(connection, name, role, now=now())
            token = tokens.issue(connection, made, now=now())
            audit.append(connection, [audit.Act(now(), None, "member.add", name)])
    finally:
        hub.close()
    if json:
        told = {"name": made.name, "role": made.role, "identity": made.identity, "token": token}
        print(orjson.dumps(told).decode())
        return
    print(f"{made.role} {made.name} speaks as {made.identity}")
    print(f"token (not shown again): {token}")
