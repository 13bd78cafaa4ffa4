"""Copies of a hub, made while it serves, and the way back.

Rules: a copy is one SQLite file, whatever the hub runs on, of one instant of the database; it is
verified before it gets its name, never overwrites anything, and is for the owner's eyes (mode
0600: it holds the audiences' secrets). The log's private key is not in it. Restoring an older
copy shortens the log: members see a rollback and refuse it, as they must
(docs/how-to/back-up-and-restore.md).
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, func, inspect, select, text
from sqlalchemy.schema import Table

from stillwatch.crypto.merkle import Frontier, leaf_hash
from stillwatch.errors import ConfigError, StoredDataError
from stillwatch.hub import audit, migrations
from stillwatch.hub.database import Database, connect
from stillwatch.hub.schema import leaves, metadata, objects, packs
from stillwatch.hub.transparency.log import head

_ROWS: Final = 2000
_PAGES: Final = 4096
"""SQLite pages copied at a time; writers get their turn in between."""


@dataclass(frozen=True, slots=True)
class Copy:
    """What a copy holds."""

    file: Path
    origin: str
    """Name of the log."""
    size: int
    """Leaves of the log: restoring goes back to here."""
    root: str
    """Hex."""
    objects: int
    audit: str
    """Head of the audit, for `audit --verify --kept`."""


def back_up(database: Database, out: Path) -> Copy:
    """Copy a hub to a new file. Raises ``ConfigError`` if it cannot be made there."""
    with _new(out) as part:
        if database.sqlite:
            _copy_file(Path(str(database.url.database)), part)
        else:
            _export(database, part)
        found = verify(part)
        _one_file(part)
    return Copy(out, found.origin, found.size, found.root, found.objects, found.audit)


def restore(copy: Path, url: str) -> Copy:
    """Make an empty or missing database from a verified copy.

    Raises ``ConfigError`` if there is something in the database already.
    """
    found = verify(copy)
    target = connect(url, create=True)
    try:
        with target.write() as into:
            if inspect(into).get_table_names():
                raise ConfigError(
                    "the database is not empty", hint="restore into a new one, then switch over"
                )
            migrations.upgrade(into)
            source = connect(f"sqlite:///{copy}")
            try:
                with source.read() as connection:
                    _copy_tables(connection, into)
            finally:
                source.close()
    finally:
        target.close()
    return found


def verify(copy: Path) -> Copy:
    """Check a copy: the file, the log's root, the audit. Raises ``StoredDataError``."""
    database = connect(f"sqlite:///{copy}")
    try:
        with database.read() as connection:
            damage = connection.scalar(text("PRAGMA integrity_check"))
            if damage != "ok":
                raise StoredDataError(f"{copy} is damaged: {damage}", hint="make another copy")
            checkpoint = head(connection).checkpoint
            size, root = _tree(connection)
            if (size, root) != (checkpoint.size, checkpoint.root):
                raise StoredDataError(
                    f"{copy}: {size} leaves do not lead to the checkpoint of {checkpoint.size}",
                    hint="run `stillwatch hub fsck` on the hub itself",
                )
            stored = connection.scalar(select(func.count()).select_from(objects)) or 0
            return Copy(
                copy, checkpoint.origin, size, root.hex(), stored, str(audit.verify(connection))
            )
    finally:
        database.close()


def _tree(connection: Connection) -> tuple[int, bytes]:
    frontier = Frontier()
    statement = select(leaves.c.entry).order_by(leaves.c.index)
    for rows in connection.execution_options(yield_per=_ROWS).execute(statement).partitions():
        frontier = frontier.extend([leaf_hash(row.entry) for row in rows])
    return frontier.size, frontier.root()


@contextmanager
def _new(out: Path) -> Iterator[Path]:
    """A file beside ``out`` that takes its name if all went well, and is gone if not."""
    part = out.with_name(f"{out.name}.part")
    if out.exists():
        raise ConfigError(f"{out} exists", hint="copies are never overwritten: name another --out")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as error:
        raise ConfigError(
            f"{part} cannot be made ({error.strerror})", hint="choose another --out, or remove it"
        ) from error
    try:
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
        os.link(part, out)  # fails if somebody else has made it meanwhile
    except OSError as error:
        raise ConfigError(f"{out} cannot be written ({error.strerror})") from error
    finally:
        for name in (part, *(part.with_name(part.name + end) for end in ("-wal", "-shm"))):
            name.unlink(missing_ok=True)


def _copy_file(source: Path, part: Path) -> None:
    """SQLite's online backup: a consistent copy while others write."""
    with closing(sqlite3.connect(source)) as here, closing(sqlite3.connect(part)) as there:
        here.backup(there, pages=_PAGES)


def _one_file(part: Path) -> None:
    """Leave no write-ahead log beside the copy, so that it can be moved as it is."""
    with closing(sqlite3.connect(part)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")


def _export(database: Database, part: Path) -> None:
    """All tables as they were at one instant (repeatable read)."""
    target = connect(f"sqlite:///{part}", create=True)
    try:
        with database.read() as connection, target.write() as into:
            migrations.upgrade(into)
            _copy_tables(connection, into)
    finally:
        target.close()


def _copy_tables(source: Connection, into: Connection) -> None:
    for table in metadata.sorted_tables:
        keys = list(table.primary_key.columns)
        statement = select(table).order_by(*keys)
        at_once = 1 if table is packs else _ROWS  # a pack has up to 32 MB
        result = source.execution_options(yield_per=at_once).execute(statement)
        for rows in result.mappings().partitions():
            into.execute(table.insert(), [dict(row) for row in rows])
        if into.dialect.name == "postgresql":
            _count_on(into, table)


def _count_on(into: Connection, table: Table) -> None:
    """Let PostgreSQL's counter go on behind the copied rows."""
    column = table.autoincrement_column
    if column is None:
        return
    last = into.scalar(select(func.max(column)))
    sequence = into.scalar(select(func.pg_get_serial_sequence(table.name, column.name)))
    if last is not None and sequence is not None:
        into.execute(select(func.setval(sequence, last)))
