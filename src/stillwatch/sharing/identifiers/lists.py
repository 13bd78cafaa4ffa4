"""The lists of this package: words, names of domains, forms; data, read once."""

from functools import cache
from importlib.resources import files
from typing import Any

import yaml


@cache
def table(name: str) -> dict[str, Any]:
    """A YAML file of this package."""
    text = (files(__package__) / f"{name}.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


@cache
def words(name: str, key: str) -> frozenset[str]:
    """The words of an entry: a list of lines of words."""
    lines: list[str] = table(name)[key]
    return frozenset(word for line in lines for word in line.split())


@cache
def domains(name: str) -> frozenset[str]:
    """The names of a text file: some a line, ``#`` begins a comment."""
    text = (files(__package__) / f"{name}.txt").read_text(encoding="utf-8")
    lines = (line.partition("#")[0] for line in text.splitlines())
    return frozenset(name for line in lines for name in line.split())
