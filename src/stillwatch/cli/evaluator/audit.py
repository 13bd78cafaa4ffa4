"""``stillwatch evaluator audit``: what was asked, as counts, and whether the chain holds."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from stillwatch.cli.evaluator.common import (
    HERE,
    Folder,
    Json,
    Url,
    identity_of,
    reading,
    roll,
    tell,
)
from stillwatch.errors import InputError
from stillwatch.hub.evaluator import audit as chain
from stillwatch.hub.evaluator.audit import HOUR, Row

audit = typer.Typer(help="Counts of what was asked, in a chain.", no_args_is_help=True)


@audit.command()
def show(
    member: Annotated[str | None, typer.Option("--member", help="Name or identity.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Rows at most, the newest.")] = 100,
    home: Folder = HERE,
    database: Url = "",
    json: Json = False,
) -> None:
    """Show counts by hour, member, epoch and kind; those of the running hour last."""
    with reading(home, database) as connection:
        identity = identity_of(home, member) if member else ""
        rows = chain.listed(connection, identity, limit)
    names = _names(home)
    if json:
        tell([{**asdict(row), "at": _hour(row), "name": names.get(row.member)} for row in rows])
        return
    for row in rows:
        who = names.get(row.member, row.member or "nobody known")
        number = str(row.seq) if row.seq else "open"
        epoch = f"{row.epoch}.{row.generation}" if row.epoch else "-"
        print(f"{number:>6}  {_hour(row)}  {who}  {epoch}  {row.what}  {row.count}")


@audit.command()
def verify(
    kept: Annotated[
        str | None, typer.Option("--kept", help="A head that was written down.")
    ] = None,
    home: Folder = HERE,
    database: Url = "",
) -> None:
    """Recompute the chain from its first row, and print its head: keep that elsewhere."""
    with reading(home, database) as connection:
        print(f"the chain holds; head {chain.verify(connection, kept)}")


def _names(home: Path) -> dict[str, str]:
    """Names for showing; the audit is readable without them."""
    try:
        return dict(roll(home).identities)
    except InputError:
        return {}


def _hour(row: Row) -> str:
    return datetime.fromtimestamp(row.hour * HOUR, UTC).strftime("%Y-%m-%dT%HZ")
