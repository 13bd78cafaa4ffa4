"""``stillwatch hub pseudonym list``: who holds which further name. For the operator's eyes."""

from typing import Annotated

import typer
from sqlalchemy import select

from stillwatch.cli.hub.acting import print_json, print_table, when, writing
from stillwatch.cli.hub.options import Json, Url
from stillwatch.hub import audit
from stillwatch.hub.clock import now
from stillwatch.hub.schema import identities, members

pseudonym = typer.Typer(help="Look behind pseudonyms.", no_args_is_help=True)


@pseudonym.callback()
def _group() -> None:
    """Look behind pseudonyms."""


@pseudonym.command("list")
def list_(
    database: Url,
    identity: Annotated[
        str | None, typer.Option("--identity", help="Only who holds this one.")
    ] = None,
    json: Json = False,
) -> None:
    """Show the holders of pseudonyms. That you looked is in the audit."""
    statement = (
        select(identities.c.id, members.c.name, identities.c.state, identities.c.since)
        .join(members, members.c.id == identities.c.member)
        .where(~identities.c.open)
        .order_by(identities.c.since)
    )
    if identity is not None:
        statement = statement.where(identities.c.id == identity)
    with writing(database) as connection:
        found = connection.execute(statement).all()
        act = audit.Act(now(), None, "pseudonym.list", identity or "all", len(found))
        audit.append(connection, [act])
    if json:
        names = ("identity", "member", "state", "since")
        print_json([dict(zip(names, (*row[:3], when(row.since)), strict=True)) for row in found])
        return
    rows = [(row.id, row.name, row.state, when(row.since)) for row in found]
    print_table(("identity", "member", "state", "since"), rows)
