"""``stillwatch evaluator``: hold a share of the key and answer members with it."""

import typer

from stillwatch.cli.evaluator.audit import audit
from stillwatch.cli.evaluator.members import members
from stillwatch.cli.evaluator.quota import quota
from stillwatch.cli.evaluator.serve import init, serve

evaluator = typer.Typer(
    help="Hold a share of the key of private matching, and answer members with it.",
    no_args_is_help=True,
    add_completion=False,
)
evaluator.command()(init)
evaluator.command()(serve)
evaluator.command()(members)
evaluator.add_typer(quota, name="quota")
evaluator.add_typer(audit, name="audit")
