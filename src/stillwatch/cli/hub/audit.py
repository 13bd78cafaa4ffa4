"""``stillwatch hub audit``: who did what, to what, and how many; and whether it is complete."""

from typing import Annotated

import typer

from stillwatch.cli.hub.acting import instant_of, print_json, print_table, reading, when
from stillwatch.cli.hub.options import Json, Url
from stillwatch.hub import audit as hub_audit
from stillwatch.hub import members


def audit(
    database: Url,
    verify: Annotated[
        bool, typer.Option("--verify", help="Recompute the chain over all rows instead.")
    ] = False,
    kept: Annotated[
        str | None,
        typer.Option("--kept", help="With --verify: a head that was written down before."),
    ] = None,
    member: Annotated[str | None, typer.Option("--member", help="Only what it did.")] = None,
    action: Annotated[
        str | None, typer.Option("--action", help="E.g. read; `member.` for all that begin so.")
    ] = None,
    subject: Annotated[
        str | None, typer.Option("--subject", help="A collection, claim, member or token.")
    ] = None,
    since: Annotated[str | None, typer.Option("--since", help="Day or time (UTC).")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Day or time (UTC).")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="The newest so many.")] = 1000,
    json: Json = False,
) -> None:
    """Show the audit, the newest rows last, or verify that nothing in it was changed."""
    if verify or kept is not None:
        _verify(database, kept, json)
        return
    with reading(database) as connection:
        if member is not None:
            members.named(connection, member)
        found = hub_audit.rows(
            connection,
            member=member,
            action=action,
            subject=subject,
            since=instant_of(since, "--since"),
            until=instant_of(until, "--until"),
            limit=limit,
        )
    if json:
        print_json(found)
        return
    rows = [(r.seq, when(r.at), r.member, r.action, r.subject, r.count) for r in found]
    print_table(("row", "at", "member", "action", "subject", "count"), rows)


def _verify(database: str, kept: str | None, json: bool) -> None:
    with reading(database) as connection:
        head = hub_audit.verify(connection, kept)
    if json:
        print_json({"rows": head.seq, "head": str(head)})
        return
    print(f"{head.seq:,} rows, none altered or missing")
    print(f"head: {head} (keep it elsewhere, and give it to --kept next time)")
