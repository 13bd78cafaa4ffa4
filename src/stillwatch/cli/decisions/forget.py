"""``stillwatch decisions forget``: what is long over names people no longer."""

from typing import Annotated

import typer

from stillwatch.cli.decisions.common import By, DryRun, Json, duration, moment, sweep
from stillwatch.cli.spoken import say, tell, who
from stillwatch.cli.stores import Config_, Store_, opened_store
from stillwatch.store import decisions


def forget(
    older: Annotated[str, typer.Option("--older", help="Over for so long, e.g. 400d.")],
    dry_run: DryRun = False,
    by: By = "",
    store: Store_ = "",
    config: Config_ = None,
    json: Json = False,
) -> None:
    """Delete decisions that ended so long ago, with their appeals. Acts stay; they name no account."""
    now = moment()
    with opened_store(store, config) as opened, opened.begin() as connection:
        sweep(connection, now)
        gone = decisions.forget(connection, now - duration(older), by=who(by), now=now)
        if dry_run:
            connection.rollback()
    if json:
        tell({"forgotten": gone, "dry_run": dry_run})
    else:
        say(f"{gone:,} decisions {'would be ' if dry_run else ''}forgotten")
