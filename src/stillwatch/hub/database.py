"""The hub's database: SQLite in one file, or PostgreSQL; one way to read and one to write.

Rules: what a writer's ``with`` block leaves without an error is on disk (SQLite: WAL with
``synchronous=FULL``; PostgreSQL: ``synchronous_commit=on``). Writers take turns: SQLite begins
at once with the write lock, on PostgreSQL the rows that matter are locked in the order that
``governance`` states. A reader sees one instant of the database from its first question to its last::

    with database.read() as connection:
        connection.execute(select(members))
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast

from sqlalchemy import Connection, Engine, Table, create_engine, event, insert
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from stillwatch.errors import ConfigError, StillwatchError, StoredDataError

POOL: Final = 16
"""Connections a worker keeps; as many requests ask the database at once."""
_SPARE: Final = 4
_WAIT_S: Final = 30
"""How long a writer waits for its turn."""


class Full(StillwatchError):
    """The disk of the database is full; nothing of the transaction was kept."""


class Busy(StillwatchError):
    """The database cannot be reached or others hold it too long; trying again helps."""


class Database:
    """An open database; cheap to keep, one for a process."""

    def __init__(self, url: URL) -> None:
        self.url = url
        self.engine: Engine = _engine(url)

    @property
    def sqlite(self) -> bool:
        """Whether it is the one-file kind."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One instant of the database. Raises ``Busy`` if it cannot be reached."""
        with _translated(), self._connect(write=False) as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction: all of it is on disk afterwards, or, after an error, nothing.

        Raises ``Full`` or ``Busy`` for what the database cannot do now.
        """
        with _translated(), self._connect(write=True) as connection, connection.begin():
            yield connection

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    def _connect(self, *, write: bool) -> Connection:
        connection = self.engine.connect()
        if self.sqlite:
            return connection.execution_options(write=write)
        if write:
            return connection
        return connection.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )


def insert_many(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all have the same columns; on PostgreSQL by COPY, in a fifth of the time."""
    if connection.dialect.name != "postgresql":
        connection.execute(insert(table), rows)
        return
    import psycopg  # noqa: PLC0415 - not needed on SQLite

    columns = [table.c[name] for name in rows[0]]
    into = psycopg.sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
        psycopg.sql.Identifier(table.name),
        psycopg.sql.SQL(", ").join(psycopg.sql.Identifier(column.name) for column in columns),
    )
    try:
        driver = cast(psycopg.Connection, connection.connection.driver_connection)
        with driver.cursor() as cursor, cursor.copy(into) as copy:
            copy.set_types([c.type.compile(connection.dialect).lower() for c in columns])
            for row in rows:
                copy.write_row(tuple(row[column.name] for column in columns))
    except psycopg.Error as error:
        raise DBAPIError.instance(
            "COPY", None, error, psycopg.Error, dialect=connection.dialect
        ) from error


def parse_url(text: str) -> URL:
    """The database that a text names. Raises ``ConfigError`` for anything but the two kinds."""
    hint = "use sqlite:///hub.db (or sqlite:////absolute/hub.db) or postgresql://user@host/name"
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise ConfigError("--database is no URL of a database", hint=hint) from error
    backend = url.drivername.partition("+")[0]
    if backend in ("postgresql", "postgres"):
        if not url.database:
            raise ConfigError("the PostgreSQL URL names no database", hint=hint)
        return url.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise ConfigError(f"{backend!r} is no kind of database the hub can use", hint=hint)
    if not url.database or url.database == ":memory:" or "mode=memory" in url.database:
        raise ConfigError("a hub in memory would forget what it acknowledged", hint=hint)
    return url.set(drivername="sqlite")


def connect(text: str, *, create: bool = False) -> Database:
    """Open the database that a URL names.

    Raises ``ConfigError`` for a URL that cannot be, ``StoredDataError`` if there is no SQLite file
    and ``create`` does not allow to make one.
    """
    url = parse_url(text)
    if url.drivername == "sqlite" and not create and not Path(str(url.database)).is_file():
        raise StoredDataError(
            f"there is no database {url.database}",
            hint=f"make it with `stillwatch hub init --database {text}`",
        )
    return Database(url)


def _engine(url: URL) -> Engine:
    pool: dict[str, Any] = {"pool_size": POOL, "max_overflow": _SPARE, "pool_timeout": _WAIT_S}
    if url.drivername == "sqlite":
        engine = create_engine(url, connect_args={"timeout": _WAIT_S}, **pool)
        event.listen(engine, "connect", _sqlite_connected)
        event.listen(engine, "begin", _sqlite_begin)
        return engine
    engine = create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": 10}, **pool)
    event.listen(engine, "connect", _postgresql_connected)
    return engine


def _sqlite_connected(raw: sqlite3.Connection, _record: object) -> None:
    raw.isolation_level = None  # the driver begins nothing by itself: `_sqlite_begin` does
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "cache_size=-65536",
        "mmap_size=1073741824",
        "temp_store=MEMORY",
    ):
        raw.execute(f"PRAGMA {pragma}")


def _sqlite_begin(connection: Connection) -> None:
    write = connection.get_execution_options().get("write", True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _postgresql_connected(raw: Any, _record: object) -> None:
    with raw.cursor() as cursor:
        cursor.execute("SET synchronous_commit = on")
        cursor.execute(f"SET lock_timeout = '{_WAIT_S}s'")
        cursor.execute("SET timezone = 'UTC'")
        # a page follows an index from where the last one ended; before the first statistics are
        # gathered the planner would rather read and sort the whole collection
        for way in ("bitmapscan", "hashjoin", "material", "mergejoin", "seqscan"):
            cursor.execute(f"SET enable_{way} = off")
        # with statistics it would start workers for a thousand rows: 25 ms a page instead of 4
        cursor.execute("SET max_parallel_workers_per_gather = 0")
    raw.commit()


@contextmanager
def _translated() -> Iterator[None]:
    """Tell what the database cannot do now from what is wrong with us."""
    try:
        yield
    except DBAPIError as error:
        if _is_full(error.orig):
            raise Full(
                "the disk of the database is full; nothing was stored",
                hint="the operator must make room; send it again then",
            ) from error
        if getattr(error.orig, "sqlite_errorname", "") in ("SQLITE_NOTADB", "SQLITE_CORRUPT"):
            raise StoredDataError(
                f"the file is no database or is damaged ({error.orig})",
                hint="name another file, or restore a backup",
            ) from error
        if isinstance(error, OperationalError) or error.connection_invalidated:
            said = str(error.orig).partition("\n")[0]
            raise Busy(
                f"the database cannot be used now: {said}",
                hint="try again; if it stays so, look at its address and rights",
            ) from error
        raise


def _is_full(error: BaseException | None) -> bool:
    if isinstance(error, sqlite3.Error):
        # an I/O error while writing is what some file systems say when a quota is used up
        return getattr(error, "sqlite_errorname", "") in ("SQLITE_FULL", "SQLITE_IOERR_WRITE")
    return getattr(error, "sqlstate", None) == "53100"
