"""``stillwatch decisions renumber``: all gateways start anew, after a backup was brought back."""

from stillwatch.cli.decisions.common import Json, moment
from stillwatch.cli.spoken import say, tell
from stillwatch.cli.stores import Config_, Store_, opened_store
from stillwatch.store import decisions


def renumber(store: Store_ = "", config: Config_ = None, json: Json = False) -> None:
    """Make all gateways start anew: run it once after a backup of the store was brought back."""
    with opened_store(store, config) as opened, opened.begin() as connection:
        seq = decisions.renumber(connection, moment())
    if json:
        tell({"seq": seq})
    else:
        say(f"changes are numbered from {seq} on; gateways load everything anew when they ask next")
