"""The command line: one file per command, each parses, calls one function, prints."""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from stillwatch.cli.detect import detect
from stillwatch.cli.explain import explain
from stillwatch.cli.logs import check
from stillwatch.cli.profile import profile

_ON_DEMAND = (
    "simulate", "evaluate", "correlate", "rules", "hub", "share", "campaigns", "identifiers",
    "evaluator", "screen", "daily",
)  # fmt: skip


class OnDemand(TyperGroup):
    """Loads some commands only when they are asked for: their libraries take half a second."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of all commands."""
        for name in _ON_DEMAND:
            self._load(name)
        return super().list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, or None."""
        if cmd_name in _ON_DEMAND:
            self._load(cmd_name)
        elif cmd_name not in self.commands:
            self.list_commands(ctx)  # so that all are there to be suggested
        return super().get_command(ctx, cmd_name)

    def _load(self, name: str) -> None:
        if name in self.commands:
            return
        command, part = getattr(import_module(f"stillwatch.cli.{name}"), name), typer.Typer()
        if isinstance(command, typer.Typer):
            part.add_typer(command, name=name)
        else:
            part.command()(command)
        self.add_command(typer.main.get_group(part).commands[name])


app = typer.Typer(
    name="stillwatch",
    help="Find adversarial distillation, test suspect models, and share what was learned.",
    cls=OnDemand,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(detect)
app.command()(profile)
app.command()(explain)
logs = typer.Typer(help="Look at log files before anything is detected.", no_args_is_help=True)
app.add_typer(logs, name="logs")
logs.command()(check)
