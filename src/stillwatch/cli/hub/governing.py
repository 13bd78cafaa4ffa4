"""The commands of governance, in the tree of ``stillwatch hub``."""

import typer

from stillwatch.cli.hub import membership
from stillwatch.cli.hub.appeal import appeal
from stillwatch.cli.hub.audit import audit
from stillwatch.cli.hub.backup import backup, restore
from stillwatch.cli.hub.group import group
from stillwatch.cli.hub.pseudonym import pseudonym
from stillwatch.cli.hub.quota import quota
from stillwatch.cli.hub.token import token


def register(hub: typer.Typer, member: typer.Typer) -> None:
    """Put them beside what is there."""
    member.command("list")(membership.list_)
    member.command()(membership.suspend)
    member.command()(membership.reinstate)
    member.command()(membership.remove)
    for name, commands in (
        ("token", token),
        ("group", group),
        ("pseudonym", pseudonym),
        ("appeal", appeal),
        ("quota", quota),
    ):
        hub.add_typer(commands, name=name)
    hub.command()(audit)
    hub.command()(backup)
    hub.command()(restore)
