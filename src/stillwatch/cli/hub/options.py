"""What the hub's commands share."""

from pathlib import Path
from typing import Annotated

import typer

Url = Annotated[
    str,
    typer.Option(
        "--database",
        envvar="STILLWATCH_HUB_DATABASE",
        help="sqlite:///hub.db or postgresql://user@host/name.",
    ),
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key",
        envvar="STILLWATCH_HUB_KEY",
        help="The log's private key, if not in its usual place.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
