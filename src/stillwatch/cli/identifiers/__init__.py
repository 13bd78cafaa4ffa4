"""``stillwatch identifiers``: one file per command."""

import typer

from stillwatch.cli.identifiers.check import check
from stillwatch.cli.identifiers.normalise import normalise

identifiers = typer.Typer(
    help="See what would be asked of the evaluators; nothing leaves the house.",
    no_args_is_help=True,
)
identifiers.command()(normalise)
identifiers.command()(check)
