"""``stillwatch hub``: run the neutral server; one file for each command or group of them."""

import typer

from stillwatch.cli.hub.collection import collection
from stillwatch.cli.hub.fsck import fsck
from stillwatch.cli.hub.governing import register
from stillwatch.cli.hub.init import init
from stillwatch.cli.hub.member import member
from stillwatch.cli.hub.serve import serve

hub = typer.Typer(
    help="Run the neutral hub through which members exchange claims.",
    no_args_is_help=True,
    add_completion=False,
)
hub.command()(init)
hub.command()(serve)
hub.command()(fsck)
hub.add_typer(member, name="member")
hub.add_typer(collection, name="collection")
register(hub, member)
