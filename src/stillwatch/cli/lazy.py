"""Groups of commands that are loaded when one of them is used.

Rule: the libraries of a server must not make ``stillwatch detect`` start slower.
"""

from collections.abc import ItemsView, Mapping, ValuesView
from importlib import import_module
from typing import Any, Final

from typer.core import TyperGroup
from typer.main import get_command

LAZY: Final[Mapping[str, str]] = {
    "hub": "stillwatch.cli.hub:hub",
}
"""Name of a command group, and where its ``typer.Typer`` is."""


class LazyGroup(TyperGroup):
    """The program's group: what ``LAZY`` names is imported on its first use."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = _Loading(self.commands)


class _Loading(dict[str, Any]):
    """Commands by name; those of ``LAZY`` are put in when they are asked for."""

    def __init__(self, commands: Mapping[str, Any]) -> None:
        super().__init__(commands)
        for name in LAZY:
            super().__setitem__(name, None)

    def __getitem__(self, name: str) -> Any:
        found = super().__getitem__(name)
        if found is None:
            module, _, attribute = LAZY[name].partition(":")
            found = get_command(getattr(import_module(module), attribute))
            found.name = name
            super().__setitem__(name, found)
        return found

    def get(self, name: str, default: Any = None) -> Any:  # type: ignore[override]
        """Load a command if there is one of that name."""
        return self[name] if name in self else default

    def items(self) -> ItemsView[str, Any]:
        """Load all."""
        self._load()
        return super().items()

    def values(self) -> ValuesView[Any]:
        """Load all."""
        self._load()
        return super().values()

    def _load(self) -> None:
        for name in list(self):
            self[name]
