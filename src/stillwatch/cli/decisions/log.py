"""``stillwatch decisions log``: who did what."""

from dataclasses import asdict
from typing import Annotated

import typer

from stillwatch.cli.decisions.common import Json
from stillwatch.cli.spoken import say, tell
from stillwatch.cli.stores import Config_, Store_, opened_store
from stillwatch.store import decisions


def log(
    id: Annotated[str, typer.Argument(help="A decision, or evidence; default: all.")] = "",  # noqa: A002
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, help="At most.")] = 100,
    store: Store_ = "",
    config: Config_ = None,
    json: Json = False,
) -> None:
    """Show the acts, the newest last: what was done, by whom, when and why."""
    with opened_store(store, config) as opened, opened.begin() as connection:
        found = decisions.acts(connection, id or None, limit)
    if json:
        tell([asdict(act) for act in found])
        return
    for act in found:
        say(f"{act.at}  {act.act} {act.decision} by {act.by}: {act.detail}")
    if not found:
        say("nothing was done yet")
