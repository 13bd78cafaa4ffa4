"""``stillwatch hub token``: the secrets with which members' programs sign in."""

from typing import Annotated

import typer

from stillwatch.cli.hub.acting import (
    instant_of,
    print_json,
    print_table,
    reading,
    when,
    writing,
)
from stillwatch.cli.hub.options import Json, Url
from stillwatch.hub import audit, members, tokens
from stillwatch.hub.clock import now

token = typer.Typer(help="Issue, revoke and list tokens.", no_args_is_help=True)


@token.command()
def issue(
    name: Annotated[str, typer.Argument(help="Name of the member.")],
    database: Url,
    label: Annotated[str, typer.Option("--label", help="What it is for, e.g. a program.")],
    expires: Annotated[
        str | None, typer.Option("--expires", help="Day or time (UTC) at which it ends.")
    ] = None,
    json: Json = False,
) -> None:
    """Make a further token of a member and print it, once."""
    end = instant_of(expires, "--expires")
    with writing(database) as connection:
        member = members.named(connection, name)
        made = tokens.issue(connection, member, now=now(), label=label, expires=end)
        audit.append(connection, [audit.Act(now(), None, "token.issue", f"{name}: {label}")])
    if json:
        print_json({"member": name, "label": label, "expires": end, "token": made})
        return
    print(f"token (not shown again): {made}")


@token.command()
def revoke(
    number: Annotated[int, typer.Argument(help="Number of the token, as `token list` shows it.")],
    database: Url,
    json: Json = False,
) -> None:
    """End a token at once, in every worker."""
    with writing(database) as connection:
        ended = tokens.revoke(connection, number, now=now())
        subject = f"{ended.member}: {ended.label}"
        audit.append(connection, [audit.Act(now(), None, "token.revoke", subject)])
    if json:
        print_json(ended)
        return
    print(
        f"token {number} ({ended.label}) of {ended.member} is revoked since {when(ended.revoked)}"
    )


@token.command("list")
def list_(
    database: Url,
    member: Annotated[str | None, typer.Option("--member", help="Only this member's.")] = None,
    json: Json = False,
) -> None:
    """Show tokens without their secrets, which the hub does not have."""
    with reading(database) as connection:
        if member is not None:
            members.named(connection, member)
        found = tokens.listed(connection, member)
    if json:
        print_json(found)
        return
    rows = [
        (t.id, t.member, t.label, when(t.issued), when(t.expires), when(t.revoked)) for t in found
    ]
    print_table(("number", "member", "label", "issued", "expires", "revoked"), rows)
