"""Options that the commands of ``gateway`` have in common, and how they print.

Rules: nothing of sharing is imported: a gateway is up in a second, and holds little besides its
table.
"""

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from stillwatch.gateway.settings import Settings, bare_settings, load_settings, with_source

HERE = Path("gateway.toml")
STORE = "STILLWATCH_STORE"
Config = Annotated[
    Path | None,
    typer.Option("--config", help="Settings (TOML); gateway.toml here, where there is one."),
]
StoreUrl = Annotated[
    str | None,
    typer.Option("--store", help=f"Database that holds the decisions. Else {STORE}."),
]
From = Annotated[str | None, typer.Option("--from", help="URL of a gateway to follow instead.")]
FromToken = Annotated[
    Path | None, typer.Option("--from-token-file", help="Its stream token (mode 0600).")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
TokenFile = Annotated[
    Path | None,
    typer.Option("--token-file", help="Token of those who ask; made where it is missing."),
]


def settings_of(
    config: Path | None,
    store: str | None,
    upstream: str | None,
    upstream_token: Path | None,
    token_file: Path | None,
) -> Settings:
    """Settings of the file, and what the command line says instead. Raises ``ConfigError``."""
    if config is None and HERE.exists():
        config = HERE
    settings = load_settings(config) if config else bare_settings(Path())
    if config is None and store is None and upstream is None:
        store = os.environ.get(STORE)
    settings = with_source(settings, store=store, upstream=upstream, token_file=upstream_token)
    if token_file is not None:
        settings = replace(settings, tokens=replace(settings.tokens, decide=token_file))
    return settings


def tell(value: Any) -> None:
    """Print JSON."""
    print(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def say(line: str) -> None:
    """Print a line that may hold what another machine said: nothing of it drives the terminal."""
    print("".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in line))
