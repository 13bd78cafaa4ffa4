"""``stillwatch evaluator``: hold a share of the key and answer members with it."""

import typer

from stillwatch.cli.evaluator.audit import audit
from stillwatch.cli.evaluator.ceremony import ceremony, refresh
from stillwatch.cli.evaluator.dealer import dealer
from stillwatch.cli.evaluator.epoch import epoch
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
evaluator.add_typer(ceremony, name="ceremony")
evaluator.add_typer(refresh, name="refresh")
evaluator.add_typer(epoch, name="epoch")
evaluator.command("unsafe-dealer")(dealer)
