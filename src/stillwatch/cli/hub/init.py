"""``stillwatch hub init``: make a database a hub."""

from typing import Annotated

import typer

from stillwatch.cli.hub.options import KeyFile, Url
from stillwatch.hub.setup import initialise


def init(
    database: Url,
    key: KeyFile = None,
    origin: Annotated[
        str | None,
        typer.Option(
            "--origin", help="Name of the log, e.g. hub.example.org/log. Default: random."
        ),
    ] = None,
) -> None:
    """Make the tables and the log of a new hub, or bring an older database up to this version.

    Prints the log's public key, which members configure. Running it again changes nothing.
    """
    made = initialise(database, key, origin)
    state = "new hub" if made.fresh else "tables brought up" if made.upgraded else "nothing to do"
    print(f"{state}; the log's private key is {made.key_file}: back it up apart from the database")
    print(f"public key: {made.vkey}")
