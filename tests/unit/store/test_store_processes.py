"""One file, several stores in one process, and other processes that write."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from stillwatch.store import decisions
from stillwatch.store.database import Store

WRITES = """
import sys
from datetime import UTC, datetime, timedelta
from stillwatch.domain.decision import Decision, new_id
from stillwatch.store import decisions
from stillwatch.store.database import Store
now = int(datetime.now(UTC).timestamp())
store = Store(sys.argv[1])
with store.begin() as connection:
    decisions.add(connection, [Decision.of({
        "id": new_id(), "effect": "block", "scope": "account", "value": sys.argv[2], "reason": "r",
        "origin": "person:p", "made": now, "until": now + 3600})], by="p", now=datetime.now(UTC))
store.close()
"""


def test_a_second_store_in_the_process_does_not_blind_the_first(tmp_path: Path) -> None:
    """Closing any descriptor of a file lets go of all POSIX locks of the process on it, SQLite's too."""
    url = f"sqlite:///{tmp_path / 'share.db'}"
    first = Store(url)
    with first.begin() as connection:
        before = decisions.newest(connection)
    second = Store(url)
    second.close()
    for account in ("a", "b"):
        subprocess.run([sys.executable, "-c", WRITES, url, account], check=True)
        with first.begin() as connection:
            changes = decisions.changes(connection, before, 10)
        assert [change.record["value"] for change in changes if change.record][-1] == account
    with first.begin() as connection:
        decisions.sweep(connection, datetime.now(UTC))
    first.close()
