"""``stillwatch hub appeal``: redress where publisher and appellant are stuck."""

from typing import Annotated

import typer

from stillwatch.cli.hub.acting import print_json, print_table, reading, writing
from stillwatch.cli.hub.options import Json, Url
from stillwatch.errors import InputError
from stillwatch.hub import audit, redress
from stillwatch.hub.clock import now
from stillwatch.hub.governance import follow_all
from stillwatch.hub.standing.follow import touch

appeal = typer.Typer(help="Appeals of account holders.", no_args_is_help=True)


@appeal.command("list")
def list_(
    database: Url,
    state: Annotated[
        str | None, typer.Option("--state", help="open, upheld, rejected or withdrawn.")
    ] = None,
    json: Json = False,
) -> None:
    """Show appeals, with the member that brought them: for the operator's eyes."""
    if state not in (None, "open", "upheld", "rejected", "withdrawn"):
        raise InputError(
            f"--state: {state!r} is no state", hint="use open, upheld, rejected or withdrawn"
        )
    with writing(database) as connection:
        follow_all(connection, now=now())
    with reading(database) as connection:
        found = redress.listed(connection, None, state=state, limit=100_000)
    if json:
        print_json(found)
        return
    rows = [(a.id, a.claim, a.reason, a.state, a.due, a.member, a.decider) for a in found]
    print_table(("id", "claim", "reason", "state", "due", "brought by", "decided by"), rows)


@appeal.command()
def decide(
    number: Annotated[str, typer.Argument(metavar="ID", help="Id of the appeal.")],
    outcome: Annotated[str, typer.Argument(help="upheld or rejected.")],
    database: Url,
    json: Json = False,
) -> None:
    """Decide an open appeal: upheld keeps the claim frozen, rejected gives it its weight back."""
    with writing(database) as connection:
        follow_all(connection, now=now())
        done = redress.decide(connection, number, outcome, now=now())
        touch(connection, [(done.collection, done.claim)], now=now())
        act = audit.Act(now(), None, f"appeal.{outcome}", done.claim)
        audit.append(connection, [act])
    if json:
        print_json(done)
        return
    print(f"the appeal against {done.claim} is {done.state}")
