"""What the operator's commands share: a transaction on a hub, and how results are printed."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import date
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection

from stillwatch.errors import InputError
from stillwatch.hub.clock import instant
from stillwatch.hub.setup import opened
from stillwatch.intel.objects import parse_time


@contextmanager
def reading(database: str) -> Iterator[Connection]:
    """One instant of a hub's database."""
    hub = opened(database)
    try:
        with hub.read() as connection:
            yield connection
    finally:
        hub.close()


@contextmanager
def writing(database: str) -> Iterator[Connection]:
    """A transaction on a hub's database; workers that serve it see the result at once."""
    hub = opened(database)
    try:
        with hub.write() as connection:
            yield connection
    finally:
        hub.close()


def print_json(value: Any) -> None:
    """One JSON document."""
    data = [_plain(entry) for entry in value] if _many(value) else _plain(value)
    print(orjson.dumps(data, option=orjson.OPT_INDENT_2).decode())


def print_table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table; cells are text, nothing in them is taken for markup."""
    table = Table(*head)
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    Console(markup=False, highlight=False).print(table)


def when(at: int | None) -> str:
    """An instant for people; a dash for never."""
    return "-" if at is None else instant(at)


def instant_of(text: str | None, option: str) -> int | None:
    """Microseconds of a day or an RFC 3339 instant. Raises ``InputError`` naming the option."""
    if text is None:
        return None
    try:
        day = date.fromisoformat(text) if len(text) == 10 else None
        return parse_time(f"{day}T00:00:00Z" if day else text)
    except ValueError as error:
        raise InputError(
            f"{option}: {text[:40]!r} is no time",
            hint="write 2026-01-31 or 2026-01-31T12:00:00Z (UTC)",
        ) from error


def _plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def _many(value: object) -> bool:
    return isinstance(value, (list, tuple))


def _cell(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return "-" if value is None else str(value)
