"""``stillwatch evaluator serve`` and ``init``: answer members with our shares."""

from typing import Annotated

import typer

from stillwatch.cli.evaluator.common import HERE, Folder, PassphraseFile, Url, passphrase
from stillwatch.hub.evaluator import schema
from stillwatch.hub.evaluator.home import Home
from stillwatch.hub.evaluator.limits import Limits
from stillwatch.hub.evaluator.memory import no_core_dumps
from stillwatch.hub.evaluator.serve import Setup
from stillwatch.hub.evaluator.serve import serve as run
from stillwatch.hub.serve import Place


def init(home: Folder = HERE, database: Url = "") -> None:
    """Make the folder and the database of an evaluator; again, it changes nothing."""
    place = Home(home)
    place.make()
    fresh = schema.initialise(database or place.database)
    print(f"{home} is {'made' if fresh else 'there already'}: back it up, and the passphrase apart")


def serve(
    home: Folder = HERE,
    database: Url = "",
    passphrase_file: PassphraseFile = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any free one.")] = 8090,
    authority: Annotated[
        list[str] | None,
        typer.Option(
            "--authority", help="HOST[:PORT] under which we are asked, beside our epochs'."
        ),
    ] = None,
    daily: Annotated[
        int,
        typer.Option("--daily", min=0, help="Elements of a member a day, unless set otherwise."),
    ] = Limits().daily,
) -> None:
    """Answer members until stopped (Ctrl-C or SIGTERM). Put a proxy with TLS in front."""
    no_core_dumps()
    place = Home(home)
    held = place.held(passphrase(passphrase_file))
    setup = Setup(
        database or place.database,
        place.members,
        Place(host, port),
        tuple(authority or ()),
        Limits(daily=daily),
    )
    run(setup, held, lambda said: print(said, flush=True))
