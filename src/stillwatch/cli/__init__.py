"""The command line: one file per command, each parses, calls one function, prints."""

import typer

from stillwatch.cli.ondemand import on_demand

_NAMES = (
    "detect", "profile", "daily", "explain", "logs", "simulate", "evaluate", "correlate", "rules", "hub", "share", "campaigns",
    "identifiers", "evaluator", "screen", "decisions", "gateway", "watch",
)  # fmt: skip
app = typer.Typer(
    name="stillwatch",
    cls=on_demand("stillwatch.cli", **{name: f"{name}:{name}" for name in _NAMES}),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def stillwatch() -> None:
    """Find adversarial distillation, test suspect models, and share what was learned."""
