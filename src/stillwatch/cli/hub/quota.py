"""``stillwatch hub quota``: what members may use, and the operator's exceptions."""

from dataclasses import asdict
from typing import Annotated

import typer

from stillwatch.cli.hub.acting import print_json, print_table, reading, when, writing
from stillwatch.cli.hub.options import Json, Url
from stillwatch.hub import audit, members, quotas
from stillwatch.hub.clock import now

quota = typer.Typer(help="Tiers and quotas of members.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="Name of the member.")]


@quota.command()
def show(name: Name, database: Url, json: Json = False) -> None:
    """Show a member's tier, its quotas and what would raise it."""
    with reading(database) as connection:
        account = quotas.account(connection, members.named(connection, name).id, now=now())
    if json:
        print_json(account)
        return
    by = " (set by the operator)" if account.set_by_operator else ""
    gave = account.contribution
    print(f"{name}: tier {account.tier}{by}; {gave.claims} claims stand, {gave.opinions} opinions")
    rows = [(a.kind, a.limit, a.used, a.unit, when(a.resets)) for a in account.allowances]
    print_table(("quota", "limit", "used", "unit", "refills"), rows)
    if account.missing is not None:
        lacks = asdict(account.missing)
        print(
            f"for {account.next_tier}: {lacks['claims']} more claims, {lacks['opinions']} more opinions"
        )


@quota.command("set")
def set_(
    name: Name,
    what: Annotated[str, typer.Argument(help="tier, reads, writes, pseudonyms or appeals.")],
    value: Annotated[str, typer.Argument(help="Tier or number; `default`: what it earned.")],
    database: Url,
    json: Json = False,
) -> None:
    """Set a member's tier or one of its quotas, whatever it contributed."""
    with writing(database) as connection:
        member = members.named(connection, name)
        quotas.override(connection, member.id, what, None if value == "default" else value)
        audit.append(connection, [audit.Act(now(), None, "quota.set", f"{name}: {what} {value}")])
    show(name, database, json)


@quota.command()
def reset(name: Name, database: Url, json: Json = False) -> None:
    """Forget what a member used, e.g. after the hub's clock ran ahead."""
    with writing(database) as connection:
        quotas.reset(connection, members.named(connection, name).id)
        audit.append(connection, [audit.Act(now(), None, "quota.reset", name)])
    show(name, database, json)
