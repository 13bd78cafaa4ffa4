"""Makes a database a hub: tables, the log's name and key, the secret of page marks.

Rules: running it again changes nothing and says so; what exists is never replaced, least of all
a key. The key file is made before the log begins, so a stop in between leaves a key without a
log, which the next run takes, and never a log without its key.
"""

import secrets
import uuid
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, insert

from stillwatch.crypto.keys import SigningKey
from stillwatch.errors import StoredDataError
from stillwatch.hub import migrations
from stillwatch.hub.database import Database, connect
from stillwatch.hub.logkey import LogSigner, create, key_path, signer
from stillwatch.hub.meta import fact
from stillwatch.hub.schema import meta
from stillwatch.hub.transparency.log import begin


@dataclass(frozen=True, slots=True)
class Made:
    """What ``init`` found or made."""

    fresh: bool
    """Whether there was no hub before."""
    upgraded: bool
    """Whether tables were made or changed."""
    vkey: str
    """The log's public key, as members configure it."""
    key_file: Path


def initialise(url: str, key_file: Path | None = None, origin: str | None = None) -> Made:
    """Make the database a hub, or bring it up to this version.

    ``origin`` names the log, e.g. ``hub.example.org/log``; by default a random name. Raises
    ``ConfigError`` or ``StoredDataError`` for a database or key file that cannot be used.
    """
    path = key_path(url, key_file)
    database = connect(url, create=True)
    try:
        with database.write() as connection:
            upgraded = migrations.upgrade(connection)
            _secret(connection)
            fresh = fact(connection, "origin") is None
            if fresh:
                key = SigningKey.load(path) if path.exists() else create(path)
                begin(connection, LogSigner(origin or f"stillwatch/{uuid.uuid4()}", key))
            made = signer(connection, path)
    finally:
        database.close()
    return Made(fresh, upgraded, str(made.vkey), path)


def opened(url: str) -> Database:
    """The database of an initialised hub; raises ``StoredDataError`` if it is none."""
    database = connect(url)
    try:
        with database.read() as connection:
            migrations.check(connection, url)
            if fact(connection, "origin") is None:
                raise StoredDataError(
                    "the database holds no hub", hint=f"run `stillwatch hub init --database {url}`"
                )
    except BaseException:
        database.close()
        raise
    return database


def _secret(connection: Connection) -> None:
    if fact(connection, "page_secret") is None:
        connection.execute(insert(meta).values(name="page_secret", value=secrets.token_hex(32)))
