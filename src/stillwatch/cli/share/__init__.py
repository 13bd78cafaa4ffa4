"""``stillwatch share``: one file per command."""

import typer

from stillwatch.cli.share.actors import actors
from stillwatch.cli.share.appeal import appeal
from stillwatch.cli.share.draft import draft
from stillwatch.cli.share.export import export
from stillwatch.cli.share.importing import import_
from stillwatch.cli.share.init import init
from stillwatch.cli.share.key import key
from stillwatch.cli.share.opinion import opinion, revoke, sighting
from stillwatch.cli.share.publish import publish
from stillwatch.cli.share.pull import pull
from stillwatch.cli.share.retag import retag
from stillwatch.cli.share.review import review
from stillwatch.cli.share.show import list_, show, status

share = typer.Typer(
    help="Share what was found with other members, and read what they say.", no_args_is_help=True
)
for command in (
    init, draft, actors, review, publish, retag, pull, opinion, sighting, revoke, status, show, export,
):  # fmt: skip
    share.command()(command)
share.command("list")(list_)
share.command("import")(import_)
share.add_typer(key, name="key")
share.add_typer(appeal, name="appeal")
