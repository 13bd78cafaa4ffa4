"""``stillwatch gateway serve``: answer those who ask what is to happen to a request."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from stillwatch.cli.gateway.common import (
    Config,
    From,
    FromToken,
    StoreUrl,
    TokenFile,
    settings_of,
)


def serve(
    config: Config = None,
    store: StoreUrl = None,
    upstream: From = None,
    upstream_token: FromToken = None,
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on.")] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=0, max=65535, help="0: any free one.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, max=256, help="Processes.")
    ] = None,
    grpc_port: Annotated[
        int | None,
        typer.Option("--grpc-port", min=0, max=65535, help="Envoy's ext_authz over gRPC."),
    ] = None,
    token_file: TokenFile = None,
    screen: Annotated[
        Path | None,
        typer.Option("--screen", help="Settings of sharing: answer POST /v1/screen, too."),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option("--policy", help="What leads of sign-ups lead to; standard, unless named."),
    ] = None,
    shadow: Annotated[
        bool, typer.Option("--shadow", help="Decisions of --screen are said and not done.")
    ] = False,
) -> None:
    """Answer until stopped (Ctrl-C or SIGTERM); SIGHUP takes the settings up anew.

    Decides from memory, and goes on when the store, the gateway upstream or the network is down.
    Put a proxy with TLS in front of it for anybody who is not on this machine.
    """
    from stillwatch.gateway.serve import serve as run  # noqa: PLC0415 - with its libraries

    settings = settings_of(config, store, upstream, upstream_token, token_file)
    said: dict[str, Any] = {"host": host, "port": port, "workers": workers, "grpc_port": grpc_port}
    listen = replace(settings.listen, **{k: v for k, v in said.items() if v is not None})
    settings = replace(settings, listen=listen)
    screening = None
    if screen is not None:
        from stillwatch.cli.gateway.screening import composed  # noqa: PLC0415

        screening = composed(screen, settings.source.store, policy, shadow=shadow)
    run(settings, lambda line: print(line, flush=True), screening)
