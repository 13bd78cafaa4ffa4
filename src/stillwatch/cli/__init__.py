"""The command line: one file per command, each parses, calls one function, prints."""

import gc
from importlib import import_module
from types import ModuleType
from typing import Any

import typer
from typer.core import TyperGroup

_ON_DEMAND = (
    "detect", "profile", "explain", "logs", "simulate", "evaluate", "correlate", "rules", "hub", "share", "campaigns", "identifiers",
    "evaluator", "screen", "decisions", "gateway", "watch",
)  # fmt: skip


class OnDemand(TyperGroup):
    """Loads commands only when they are asked for: their libraries take half a second."""

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
        command, part = getattr(_module(name), name), typer.Typer()
        if isinstance(command, typer.Typer):
            part.add_typer(command, name=name)
        else:
            part.command()(command)
        self.add_command(typer.main.get_group(part).commands[name])


def _module(name: str) -> ModuleType:
    """Of a command; what is loaded never becomes garbage, and nobody looks whether it has."""
    gc.disable()
    try:
        return import_module(f"stillwatch.cli.{name}")
    finally:
        gc.freeze()
        gc.enable()


app = typer.Typer(
    name="stillwatch",
    cls=OnDemand,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def stillwatch() -> None:
    """Find adversarial distillation, test suspect models, and share what was learned."""
