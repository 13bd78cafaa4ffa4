"""A hub's database as rows of plain SQL: SQLite or PostgreSQL, read-only, all from one instant."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import psycopg

from stillwatch.errors import ConfigError, StoredDataError

BATCH = 2000
"""Rows fetched at a time."""


class Database(Protocol):
    """What is asked of a database: rows of a query, all from one instant."""

    def rows(self, query: str, *values: object) -> Iterator[Sequence[Any]]:
        """Rows of a query, fetched as they are used; ``?`` stands for a value."""
        ...


class _Sqlite:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, query: str, *values: object) -> Iterator[Sequence[Any]]:
        yield from self._connection.execute(query, values)


class _Postgres:
    def __init__(self, connection: "psycopg.Connection[tuple[Any, ...]]") -> None:
        self._connection, self._cursors = connection, 0

    def rows(self, query: str, *values: object) -> Iterator[Sequence[Any]]:
        self._cursors += 1
        with self._connection.cursor(name=f"fsck{self._cursors}") as cursor:
            cursor.itersize = BATCH
            cursor.execute(query.replace("?", "%s").encode(), values or None)
            yield from cursor


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """Open the database that a URL names.

    Raises ``ConfigError`` or ``StoredDataError`` if it is none of a hub.
    """
    scheme = urlsplit(url).scheme.partition("+")[0]
    try:
        if scheme == "sqlite":
            with closing(_sqlite(url)) as connection:
                yield _Sqlite(connection)
        elif scheme in ("postgresql", "postgres"):
            plain = f"postgresql{url[url.index(':') :]}"
            with psycopg.connect(plain) as connection:
                connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                connection.read_only = True
                yield _Postgres(connection)
        else:
            raise ConfigError(
                f"{name_of(url)} is no database of a hub", hint="sqlite:///FILE or postgresql://…"
            )
    except (sqlite3.Error, psycopg.Error) as error:
        raise StoredDataError(
            f"{name_of(url)} cannot be read as a hub's database: {str(error).strip()}",
            hint="is it the right one, and did `stillwatch hub init` make it?",
        ) from error


def _sqlite(url: str) -> sqlite3.Connection:
    path = Path(unquote(url.partition("://")[2].removeprefix("/")))
    if not path.is_file():
        raise StoredDataError(f"there is no database {path}")
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    connection.execute("BEGIN")
    return connection


def name_of(url: str) -> str:
    """The URL without credentials, for messages."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
