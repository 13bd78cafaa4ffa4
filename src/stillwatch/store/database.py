"""Opening the lab's store.

Rules: a SQLite file is made with mode 0600, in WAL and full synchrony: what a command said it
kept is kept. A store of another version is refused, never guessed at.
"""

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, insert, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from stillwatch.errors import ConfigError, StoredDataError
from stillwatch.store.schema import GROWN, VERSION, metadata, settings, stream


class Store:
    """The lab's own database."""

    def __init__(self, url: str) -> None:
        """Open, and make where there is none. Raises ``ConfigError`` or ``StoredDataError``."""
        self.url = url
        try:
            self._engine = _engine(url)
            with self._engine.begin() as connection:
                metadata.create_all(connection)
                self.secret = _settled(connection)
                _numbered(connection)
        except (SQLAlchemyError, OSError, ValueError) as error:
            raise ConfigError(
                f"the store {_shown(url)} cannot be opened: {_reason(error)}",
                hint="name a file (sqlite:///share.db) or a PostgreSQL URL",
            ) from error

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction; what is inside is kept whole or not at all."""
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise StoredDataError(
                f"the store {_shown(self.url)} failed: {_reason(error)}"
            ) from error

    def close(self) -> None:
        """Let go of connections."""
        self._engine.dispose()


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    path = Path(url.removeprefix("sqlite:///"))
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():  # else never: a close lets go of this process's locks on it, SQLite's too
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    engine = create_engine(url, connect_args={"timeout": 30})

    @event.listens_for(engine, "connect")
    def _durable(connection: object, _record: object) -> None:
        cursor = connection.cursor()  # type: ignore[attr-defined]
        cursor.execute("pragma journal_mode=wal")
        cursor.execute("pragma synchronous=full")
        cursor.close()

    return engine


def _settled(connection: Connection) -> bytes:
    """Check the version, and return the key of this store's hashes."""
    kept = {row.name: row.value for row in connection.execute(select(settings))}
    if not kept:
        kept = {"version": VERSION, "secret": secrets.token_hex(32)}
        connection.execute(insert(settings), [{"name": n, "value": v} for n, v in kept.items()])
    if kept["version"] in GROWN:
        its = settings.c.name == "version"
        connection.execute(update(settings).where(its).values(value=VERSION))
        kept["version"] = VERSION
    if kept["version"] != VERSION:
        raise StoredDataError(
            f"the store is of version {kept['version']}, not {VERSION}",
            hint="use the version of stillwatch that made it, or name another store",
        )
    return bytes.fromhex(kept["secret"])


def _numbered(connection: Connection) -> None:
    """Begin the stream of decisions, once.

    Its numbers go on from the hour of birth (milliseconds since 1970), so that a gateway that
    followed another store in this place finds its number unknown, and starts anew.
    """
    if connection.scalar(select(stream.c.seq)) is None:
        begun = "insert into stream (id, seq) values (1, :seq) on conflict (id) do nothing"
        connection.execute(text(begun), {"seq": time.time_ns() // 1_000_000})


def _shown(url: str) -> str:
    """The URL without its password."""
    head, at, tail = url.rpartition("@")
    return f"{head.split('://')[0]}://…{at}{tail}" if at else url


def _reason(error: BaseException) -> str:
    return str(getattr(error, "orig", None) or error).split("\n", 1)[0][:300]
