"""The one entrance: ``check`` by where the log lies."""

from collections.abc import Sequence

from stillwatch.hub.fsck.database import check_database
from stillwatch.hub.fsck.remote import check_hub
from stillwatch.hub.fsck.report import Progress, Report
from stillwatch.hub.fsck.shown import Note


def _silent(_done: int, _all: int) -> None:
    """No progress is shown."""


def check(
    *,
    database: str | None = None,
    url: str | None = None,
    token: str = "",
    vkey: str | None = None,
    shown: Sequence[Note] = (),
    progress: Progress = _silent,
) -> Report:
    """Check a database by its URL, or a running hub by its address with a member's token.

    ``shown`` are checkpoints that others were shown: a fork is found by them alone.

    Raises ``InputError``, ``ConfigError``, ``StoredDataError`` or ``PeerError`` if there is nothing
    to check; whatever does not hold is in the report.
    """
    if database is not None:
        return check_database(database, vkey, progress, shown)
    return check_hub(str(url), token, str(vkey), progress, shown)
