"""``stillwatch share export``: received claims for the tools a lab already has."""

from pathlib import Path
from typing import Annotated

import typer

from stillwatch.cli.share.common import HERE, Config, Json, opened, say, tell
from stillwatch.domain.claim import Tlp
from stillwatch.intel.exports.formats import export as write
from stillwatch.sharing.board import board


def export(
    format_: Annotated[str, typer.Option("--format", help="misp, ocsf, csv or stix.")],
    out: Annotated[Path, typer.Option("--out", help="File, or for misp a folder.")],
    up_to: Annotated[
        Tlp, typer.Option("--up-to", help="Strictest marking that the readers may see.")
    ] = Tlp.AMBER_STRICT,
    config: Config = HERE,
    json: Json = False,
) -> None:
    """Write what was received to a file. TLP:RED stays; what stays is counted by reason."""
    with opened(config) as (_, store), store.begin() as connection:
        items = [entry.item() for entry in board(connection)]
    done = write(format_, out, items, up_to)
    if json:
        tell({"out": str(out), "written": done.written, "stays": dict(done.stays)})
        return
    for reason, count in done.stays.items():
        say(f"{count} not written: {reason}")
    say(f"{done.written} written to {out}")
