"""``stillwatch hub collection``: what members share in."""

from typing import Annotated

import orjson
import typer

from stillwatch.cli.hub.options import Json, Url
from stillwatch.hub import audit, collections
from stillwatch.hub.clock import now
from stillwatch.hub.setup import opened

collection = typer.Typer(help="Add collections.", no_args_is_help=True)


@collection.callback()
def _group() -> None:
    """Add collections."""


@collection.command()
def add(
    title: Annotated[str, typer.Argument(help="What members see.")],
    database: Url,
    policy: Annotated[
        str,
        typer.Option(
            "--policy",
            help="claims: signed, checked, logged, never deleted. open: any STIX 2.",
        ),
    ],
    alias: Annotated[
        str | None, typer.Option("--alias", help="Name that works in URLs as the id does.")
    ] = None,
    read: Annotated[
        list[str] | None, typer.Option("--read", help="Member that may read; repeatable.")
    ] = None,
    write: Annotated[
        list[str] | None, typer.Option("--write", help="Member that may write; repeatable.")
    ] = None,
    description: Annotated[str | None, typer.Option("--description", help="A sentence.")] = None,
    json: Json = False,
) -> None:
    """Make a collection and print its id."""
    hub = opened(database)
    try:
        with hub.write() as connection:
            made = collections.add(
                connection,
                title,
                policy,
                alias=alias,
                description=description,
                readers=read or (),
                writers=write or (),
            )
            audit.append(connection, [audit.Act(now(), None, "collection.add", made)])
    finally:
        hub.close()
    if json:
        told = {"id": made, "title": title, "alias": alias, "policy": policy}
        print(orjson.dumps(told).decode())
        return
    print(made)
