"""Whether the hub lives, and whether it can do its work.

Rules: ``/healthz`` asks nothing of anybody. ``/readyz`` is 200 only if the database answers, its
tables are of this version, the log's key is the right one and the last checkpoint is signed by
it. Neither needs credentials, so a failure names the check and never a path or a secret.
"""

from collections.abc import Callable, Mapping

from sqlalchemy import select

from stillwatch.crypto.note import Note
from stillwatch.errors import StillwatchError
from stillwatch.hub import migrations
from stillwatch.hub.database import Database
from stillwatch.hub.logkey import LogSigner
from stillwatch.hub.schema import meta
from stillwatch.hub.transparency.log import head


def ready(database: Database, signer: LogSigner) -> Mapping[str, str]:
    """Each check with ``ok`` or what is wrong, in general words."""
    checks: Mapping[str, tuple[Callable[[], None], str]] = {
        "database": (lambda: _reachable(database), "the database does not answer"),
        "schema": (lambda: _current(database), "the tables are of another version"),
        "key": (lambda: _signable(database, signer), "the log was begun with another key"),
        "checkpoint": (lambda: _signed(database, signer), "the last checkpoint does not verify"),
    }
    return {name: _tried(check, wrong) for name, (check, wrong) in checks.items()}


def _tried(check: Callable[[], None], wrong: str) -> str:
    try:
        check()
    except StillwatchError:
        return wrong
    return "ok"


def _reachable(database: Database) -> None:
    with database.read() as connection:
        connection.execute(select(1))


def _current(database: Database) -> None:
    with database.read() as connection:
        migrations.check(connection, "")


def _signable(database: Database, signer: LogSigner) -> None:
    with database.read() as connection:
        kept = connection.scalar(select(meta.c.value).where(meta.c.name == "log_key_id"))
    if kept != signer.key.id:
        raise StillwatchError("another key")


def _signed(database: Database, signer: LogSigner) -> None:
    with database.read() as connection:
        note = head(connection).note
    Note.parse(note).verify(signer.vkey)
