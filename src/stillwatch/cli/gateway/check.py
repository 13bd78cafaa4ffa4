"""``stillwatch gateway check``: whether a gateway would start, and what it would know."""

import typer

from stillwatch.cli.gateway.common import (
    Config,
    From,
    FromToken,
    Json,
    StoreUrl,
    TokenFile,
    say,
    settings_of,
    tell,
)

_UNREACHED = 6


def check(
    config: Config = None,
    store: StoreUrl = None,
    upstream: From = None,
    upstream_token: FromToken = None,
    token_file: TokenFile = None,
    json: Json = False,
) -> None:
    """Check settings, tokens and source, and load everything in force once; nothing is changed.

    Status 0 where all is well, 6 where the source cannot be asked now.
    """
    from stillwatch.gateway.checking import checked  # noqa: PLC0415

    settings = settings_of(config, store, upstream, upstream_token, token_file)
    found = checked(settings)
    if json:
        tell(found.record())
    else:
        for line in found.lines():
            say(line)
    if found.error:
        raise typer.Exit(_UNREACHED)
