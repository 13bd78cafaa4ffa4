"""``stillwatch evaluator``: hold a share of the key and answer members with it."""

import typer

from stillwatch.cli.ondemand import on_demand

evaluator = typer.Typer(
    help="Hold a share of the key of private matching, and answer members with it.",
    cls=on_demand(
        "stillwatch.cli.evaluator",
        init="serve:init",
        serve="serve:serve",
        members="members:members",
        unsafe_dealer="dealer:dealer",
        quota="quota:quota",
        audit="audit:audit",
        ceremony="ceremony:ceremony",
        refresh="ceremony:refresh",
        epoch="epoch:epoch",
    ),
    no_args_is_help=True,
    add_completion=False,
)
