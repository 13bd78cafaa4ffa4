"""Groups whose commands are loaded when they are asked for.

Rules: a group names its commands and where each one is; whoever asks for one command waits for its
libraries only, and whoever asks for help waits for all of them.
"""

import gc
from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperGroup


class OnDemand(TyperGroup):
    """A group that knows its commands by place."""

    places: ClassVar[Mapping[str, str]] = {}
    """Module and attribute of each command, ``package.module:name``, in the order of the help."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of all commands."""
        for name in self.places:
            self._load(name)
        return super().list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, or None."""
        if cmd_name in self.places:
            self._load(cmd_name)
        elif cmd_name not in self.commands:
            self.list_commands(ctx)  # so that all are there to be suggested
        return super().get_command(ctx, cmd_name)

    def _load(self, name: str) -> None:
        if name in self.commands:
            return
        command, part = _found(self.places[name]), typer.Typer()
        if isinstance(command, typer.Typer):
            part.add_typer(command, name=name)
        else:
            part.command(name)(command)
        self.add_command(typer.main.get_group(part).commands[name])


def on_demand(package: str, **places: str) -> type[OnDemand]:
    """The class of a group.

    ``places`` are commands in order; in a name ``_`` stands for ``-``, and one at its end for nothing.
    """
    named = {
        name.rstrip("_").replace("_", "-"): f"{package}.{place}" for name, place in places.items()
    }
    return type("Group", (OnDemand,), {"places": named})


def _found(place: str) -> Any:
    """A command; what is loaded never becomes garbage, and nobody looks whether it has."""
    module, _, name = place.partition(":")
    gc.disable()
    try:
        return getattr(import_module(module), name)
    finally:
        gc.freeze()
        gc.enable()
