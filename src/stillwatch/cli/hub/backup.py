"""``stillwatch hub backup`` and ``restore``."""

from pathlib import Path
from typing import Annotated

import typer

from stillwatch.cli.hub.acting import print_json
from stillwatch.cli.hub.options import Json, Url
from stillwatch.hub.backup import Copy, back_up
from stillwatch.hub.backup import restore as put_back
from stillwatch.hub.setup import opened


def backup(
    database: Url,
    out: Annotated[Path, typer.Option("--out", help="New file; never overwritten.")],
    json: Json = False,
) -> None:
    """Copy a hub while it serves, and verify the copy. The log's private key is not in it."""
    hub = opened(database)
    try:
        made = back_up(hub, out)
    finally:
        hub.close()
    _tell(made, json, f"copied to {out} and verified")


def restore(
    copy: Annotated[Path, typer.Argument(help="File that `backup` wrote.")],
    database: Url,
    json: Json = False,
) -> None:
    """Make a new database from a copy. Put the log's key file in its place, too."""
    _tell(put_back(copy, database), json, f"restored from {copy}")


def _tell(copy: Copy, json: bool, done: str) -> None:
    if json:
        print_json(
            {
                "file": str(copy.file),
                "origin": copy.origin,
                "log_size": copy.size,
                "log_root": copy.root,
                "objects": copy.objects,
                "audit": copy.audit,
            }
        )
        return
    print(f"{done}: {copy.objects:,} objects")
    print(f"log {copy.origin}: {copy.size:,} leaves, root {copy.root}")
    print(f"audit: {copy.audit}")
