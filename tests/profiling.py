"""Profiles for tests, made by the real kernels from rows of events."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from stillwatch.profiles.phrases import FamilyTable, load_families, shipped_rules
from stillwatch.profiles.requests import requests
from stillwatch.profiles.table import ProfileTable
from stillwatch.profiles.text import TextKernel
from stillwatch.profiles.words import WordVectors
from tests.support import batch


@cache
def families() -> FamilyTable:
    return FamilyTable.compile(load_families(shipped_rules() / "phrases"))


@cache
def kernel() -> TextKernel:
    return TextKernel(families(), WordVectors())


def profiled(rows: Sequence[dict[str, Any]]) -> ProfileTable:
    """One profile per account of ``rows`` (see ``support.event``)."""
    table = ProfileTable(families().names)
    if rows:
        events = batch(rows)
        table.add(events, requests(events), kernel().features(events.column("prompt")))
    return table


def by_account(table: ProfileTable) -> dict[str, bytes]:
    """Every profile as bytes, by account: equal only when every field is."""
    return {name: table.profiles[row].tobytes() for row, name in enumerate(table.account_ids)}
