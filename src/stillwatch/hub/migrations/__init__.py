"""How the tables came to be as they are; ``stillwatch hub init`` runs what is missing.

Rules: a revision, once released, never changes; a hub serves the revision it was written for and
no other; an older database is brought up by ``init``, a newer one needs a newer program.
"""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from stillwatch.errors import StoredDataError

_FOLDER: Final = Path(__file__).parent


def upgrade(connection: Connection) -> bool:
    """Bring the tables to this program's revision, within the caller's transaction.

    Returns whether there was anything to do. Raises ``StoredDataError`` for a newer database.
    """
    config = _config()
    there = revision(connection)
    if there == newest():
        return False
    if there is not None and there not in _known():
        raise _foreign(there)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return True


def check(connection: Connection, url: str) -> None:
    """Raise ``StoredDataError`` unless the database has exactly this program's tables."""
    there = revision(connection)
    if there is None:
        raise StoredDataError(
            "the database is not initialised", hint=f"run `stillwatch hub init --database {url}`"
        )
    if there not in _known():
        raise _foreign(there)
    if there != newest():
        raise StoredDataError(
            f"the database has the tables of an older version ({there}, this is {newest()})",
            hint=f"make a backup, then run `stillwatch hub init --database {url}`",
        )


def revision(connection: Connection) -> str | None:
    """Revision of the tables; None where there are none."""
    return MigrationContext.configure(connection).get_current_revision()


def newest() -> str:
    """The revision this program is written for."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def _known() -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    return config


def _foreign(there: str) -> StoredDataError:
    return StoredDataError(
        f"the database was written by a newer version (revision {there}, this is {newest()})",
        hint="use that version of stillwatch, or restore a backup of before",
    )
