"""``stillwatch hub serve``: answer members."""

from typing import Annotated

import typer

from stillwatch.cli.hub.options import KeyFile, Url
from stillwatch.hub.serve import Place
from stillwatch.hub.serve import serve as run


def serve(
    database: Url,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any free one.")] = 8080,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Processes.")] = 1,
    key: KeyFile = None,
    title: Annotated[
        str, typer.Option("--title", help="What members see as the hub's name.")
    ] = "stillwatch hub",
) -> None:
    """Serve TAXII 2.1, the log and the members' pages until stopped (Ctrl-C or SIGTERM).

    Put a proxy with TLS in front of it for anybody who is not on this machine.
    """
    run(database, Place(host, port, workers), key_file=key, title=title)
