"""The command line: one file per command, each parses, calls one function, prints."""

import typer

from stillwatch.cli.correlate import correlate
from stillwatch.cli.detect import detect
from stillwatch.cli.evaluate import evaluate
from stillwatch.cli.explain import explain
from stillwatch.cli.logs import check
from stillwatch.cli.profile import profile
from stillwatch.cli.rules import rules
from stillwatch.cli.simulate import simulate

app = typer.Typer(
    name="stillwatch",
    help="Find adversarial distillation in your own request logs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
logs = typer.Typer(help="Look at log files before anything is detected.", no_args_is_help=True)
app.add_typer(logs, name="logs")
logs.command()(check)

app.command()(detect)
app.command()(profile)
app.command()(explain)
app.command()(simulate)
app.command()(evaluate)
app.add_typer(correlate, name="correlate")
app.add_typer(rules, name="rules")
