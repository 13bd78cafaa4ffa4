"""The command line: one file per command, each parses, calls one function, prints."""

import sys

import typer

from stillwatch.cli.detect import detect
from stillwatch.cli.evaluate import evaluate
from stillwatch.cli.explain import explain
from stillwatch.cli.logs import check
from stillwatch.cli.profile import profile
from stillwatch.cli.simulate import simulate
from stillwatch.errors import StillwatchError

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


def main() -> None:
    """Entry point: runs a command and turns our own errors into one line on stderr."""
    try:
        app()
    except StillwatchError as error:
        print(f"stillwatch: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, SystemExit) as stop:
        if isinstance(stop, SystemExit) and stop.code != 130:  # typer's own sign for an interrupt
            raise
        print("stillwatch: interrupted; nothing half-written was kept", file=sys.stderr)
        sys.exit(130)
