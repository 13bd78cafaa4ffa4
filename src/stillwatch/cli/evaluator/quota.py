"""``stillwatch evaluator quota``: what members may ask, and exceptions with a date."""

from typing import Annotated

import typer

from stillwatch.cli.evaluator.common import (
    HERE,
    Folder,
    Json,
    Url,
    day,
    days,
    identity_of,
    reading,
    roll,
    shown,
    tell,
    today,
    writing,
)
from stillwatch.errors import InputError
from stillwatch.hub.evaluator import audit, ledger
from stillwatch.hub.evaluator.app import seconds
from stillwatch.hub.evaluator.limits import Limits

quota = typer.Typer(help="What members may ask a day.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="Name or identity of the member.")]
Until = Annotated[str | None, typer.Option("--until", help="Last day it holds, YYYY-MM-DD (UTC).")]
Daily = Annotated[int, typer.Option("--default", help="The daily quota that `serve` was given.")]


@quota.command()
def show(
    name: Annotated[str | None, typer.Argument(help="One member; without it all.")] = None,
    home: Folder = HERE,
    database: Url = "",
    default: Daily = Limits().daily,
    json: Json = False,
) -> None:
    """Show quotas, what was used today, and grants."""
    names = roll(home).identities
    asked = [identity_of(home, name)] if name else sorted(names, key=lambda one: names[one])
    limits = Limits(daily=default)
    with reading(home, database) as connection:
        found = {one: ledger.account(connection, one, limits, seconds()) for one in asked}
    if json:
        tell({names[identity]: _told(identity, one) for identity, one in found.items()})
        return
    for identity, one in found.items():
        until = "" if one.until is None else f" until {shown(one.until)}"
        print(
            f"{names[identity]}: {one.used:,} of {one.daily:,} a day{until}; {one.remaining:,} left"
        )
        for granted in one.grants:
            print(
                f"  grant: {granted.used:,} of {granted.elements:,}, until {shown(granted.until)}"
            )


@quota.command("set")
def set_(
    name: Name,
    daily: Annotated[str, typer.Option("--daily", help="Elements a day, or `default`.")],
    until: Until = None,
    home: Folder = HERE,
    database: Url = "",
) -> None:
    """Set a member's daily quota, for good or until a day."""
    identity = identity_of(home, name)
    number = None if daily == "default" else _number(daily)
    last = None if until is None else _future(until)
    with writing(home, database) as connection:
        ledger.allow(connection, identity, number, last)
        audit.act(connection, seconds(), identity, "quota.daily", -1 if number is None else number)
    print(f"{name}: {daily} a day{'' if until is None else f' until {until}'}")


@quota.command()
def grant(
    name: Name,
    elements: Annotated[int, typer.Argument(min=1, help="Elements, once.")],
    until: Annotated[str, typer.Option("--until", help="Last day it holds, YYYY-MM-DD (UTC).")],
    home: Folder = HERE,
    database: Url = "",
) -> None:
    """Let a member ask more for once, e.g. to screen its whole base."""
    identity, last = identity_of(home, name), _future(until)
    with writing(home, database) as connection:
        ledger.grant(connection, identity, elements, last)
        audit.act(connection, seconds(), identity, "quota.grant", elements)
    print(f"{name}: {elements:,} elements beside the daily quota, until {until}")


@quota.command()
def reset(name: Name, home: Folder = HERE, database: Url = "") -> None:
    """Forget what a member used, e.g. after our clock ran ahead."""
    identity = identity_of(home, name)
    with writing(home, database) as connection:
        ledger.reset(connection, identity)
        audit.act(connection, seconds(), identity, "quota.reset", 0)
    print(f"{name}: nothing used today")


@quota.command("forget-clock")
def forget_clock(home: Folder = HERE, database: Url = "") -> None:
    """Believe the clock again after it ran ahead by hours and was set back."""
    with writing(home, database) as connection:
        ledger.forget_clock(connection)
        audit.act(connection, seconds(), "", "clock.forgotten", 0)
    print("the clock is believed as it is")


def _told(identity: str, one: ledger.Account) -> dict[str, object]:
    return {
        "identity": identity,
        "daily": one.daily,
        "until": None if one.until is None else shown(one.until),
        "used": one.used,
        "remaining": one.remaining,
        "grants": [
            {"elements": g.elements, "used": g.used, "until": shown(g.until)} for g in one.grants
        ],
    }


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 13):
        raise InputError(f"{text!r} is no number of elements", hint="a whole number, or `default`")
    return int(text)


def _future(text: str) -> int:
    last = day(text)
    if last < today():
        raise InputError(f"{text} is over", hint="give the last day on which it shall hold")
    return days(last)
