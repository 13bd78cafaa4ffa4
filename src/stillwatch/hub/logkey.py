"""The log's private key: in a file beside the database, never in it.

Rules: for ``sqlite:///hub.db`` the file is ``hub.db.key``; for PostgreSQL it lies under the user's
data folder by host and database name; ``--key FILE`` or STILLWATCH_HUB_KEY name another. Who
copies the database has not the key, so a copy cannot sign. The database keeps the key's id, so
that a hub started with the wrong file refuses to sign a single checkpoint.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, make_url, select

from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.note import VerifierKey
from stillwatch.errors import ConfigError, StoredDataError
from stillwatch.hub.schema import meta

VARIABLE: Final = "STILLWATCH_HUB_KEY"


@dataclass(frozen=True, slots=True)
class LogSigner:
    """Who signs checkpoints: the log's name and its key."""

    origin: str
    key: SigningKey

    @property
    def vkey(self) -> VerifierKey:
        """Public key in the form that members configure."""
        return VerifierKey(self.origin, self.key.public)


def key_path(database_url: str, key_file: Path | None = None) -> Path:
    """Where the key of a database's log lies.

    Raises ``ConfigError`` if the database has no place of its own and no file is named.
    """
    if key_file is not None:
        return key_file
    if named := os.environ.get(VARIABLE):
        return Path(named)
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        if not url.database or url.database == ":memory:":
            raise ConfigError("a database in memory has no key file", hint="name one with --key")
        return Path(f"{url.database}.key")
    parts = (url.host or "local", str(url.port or ""), url.database or "")
    name = "-".join(re.sub(r"[^A-Za-z0-9._-]", "_", part) for part in parts if part)
    return _data_folder() / "stillwatch" / "hub" / f"{name}.key"


def create(path: Path) -> SigningKey:
    """Make the key of a new log; raises ``ConfigError`` if the file exists."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigError(
            f"folder {path.parent} for the key cannot be made ({error.strerror})"
        ) from error
    key = SigningKey.generate()
    key.save(path)
    return key


def signer(connection: Connection, path: Path) -> LogSigner:
    """The signer of an initialised hub.

    Raises ``StoredDataError`` if the hub is not initialised, ``ConfigError`` if the file's key is
    not the one that its log began with.
    """
    rows = connection.execute(
        select(meta.c.name, meta.c.value).where(meta.c.name.in_(("origin", "log_key_id")))
    )
    kept = {row.name: row.value for row in rows}
    if "origin" not in kept or "log_key_id" not in kept:
        raise StoredDataError("the database holds no log", hint="run `stillwatch hub init` first")
    key = SigningKey.load(path)
    if key.id != kept["log_key_id"]:
        raise ConfigError(
            f"key file {path} holds key {key.id}, the log was begun with {kept['log_key_id']}",
            hint=f"name the right file with --key or {VARIABLE}",
        )
    return LogSigner(kept["origin"], key)


def _data_folder() -> Path:
    named = os.environ.get("XDG_DATA_HOME")
    return Path(named) if named else Path.home() / ".local" / "share"
