"""``stillwatch hub fsck``: check a log from outside, with code of its own."""

from typing import Annotated

import typer

from stillwatch.cli.hub.acting import print_json
from stillwatch.cli.hub.options import Json
from stillwatch.errors import InputError, NotTrusted
from stillwatch.hub.fsck.check import check


def fsck(
    database: Annotated[
        str | None, typer.Option("--database", help="A hub's database, read by plain SQL.")
    ] = None,
    url: Annotated[str | None, typer.Option("--url", help="Or a running hub.")] = None,
    token: Annotated[
        str,
        typer.Option(
            "--token", envvar="STILLWATCH_HUB_TOKEN", help="With --url: a member's token."
        ),
    ] = "",
    vkey: Annotated[
        str | None, typer.Option("--vkey", help="The log's public key, as `init` printed it.")
    ] = None,
    json: Json = False,
) -> None:
    """Verify a transparency log: entries, tree, signatures, keys, and the claims it stands for.

    Exit code 0 if everything holds, 5 if not.
    """
    if (database is None) == (url is None):
        raise InputError("nothing to check, or two things", hint="give --database or --url")
    if url is not None and vkey is None:
        raise InputError("--url needs --vkey", hint="a hub cannot vouch for its own key")
    report = check(database=database, url=url, token=token, vkey=vkey)
    if json:
        print_json(report.as_json())
    else:
        for fault in report.faults:
            print(f"fault: {fault}")
        print(f"{report.size:,} leaves; {'all holds' if report.holds else 'does not hold'}")
    if not report.holds:
        raise NotTrusted("the log does not hold", hint="keep the database as evidence")
