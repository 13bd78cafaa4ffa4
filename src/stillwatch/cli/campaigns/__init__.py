"""``stillwatch campaigns``: one file per command."""

import typer

from stillwatch.cli.campaigns.draft import draft
from stillwatch.cli.campaigns.join import join
from stillwatch.cli.campaigns.tags import tags

campaigns = typer.Typer(
    help="Find the parts of a campaign that are at other labs, without showing customers.",
    no_args_is_help=True,
)
for command in (tags, draft, join):
    campaigns.command()(command)
