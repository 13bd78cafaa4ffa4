"""``stillwatch explain``: one account or campaign of a result, with all that speaks for it."""

from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console

from stillwatch.domain.finding import AccountFinding, CampaignFinding
from stillwatch.report.codec import finding_record
from stillwatch.report.lookup import Entry, look_up
from stillwatch.report.result import read_result
from stillwatch.report.terminal import print_entry


def explain(
    ident: Annotated[
        str, typer.Argument(metavar="ACCOUNT|CAMPAIGN", help="Id of an account or a campaign.")
    ],
    directory: Annotated[
        Path, typer.Option("--from", help="Result directory of `stillwatch detect`.")
    ],
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line instead.")] = False,
) -> None:
    """Say why an account or a campaign was flagged, or that it was not."""
    result = read_result(directory)
    entries = look_up(result, ident)
    if json:
        for entry in entries:
            print(orjson.dumps(_record(entry)).decode())
        return
    console = Console(highlight=False)
    for number, entry in enumerate(entries):
        if number:
            console.rule()
        print_entry(result, entry, console)


def _record(entry: Entry) -> dict[str, object]:
    if isinstance(entry, (AccountFinding, CampaignFinding)):
        return finding_record(entry)
    return entry.record()
