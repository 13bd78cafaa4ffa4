"""``stillwatch gateway``: decide on requests where they pass."""

import typer

from stillwatch.cli.gateway.check import check
from stillwatch.cli.gateway.init import init
from stillwatch.cli.gateway.serve import serve
from stillwatch.cli.gateway.status import status

gateway = typer.Typer(
    help="Decide on requests where they pass, from decisions kept in memory.",
    no_args_is_help=True,
    add_completion=False,
)
gateway.command()(init)
gateway.command()(serve)
gateway.command()(check)
gateway.command()(status)
