"""Options that the commands of ``share`` have in common, and what they open."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection

from stillwatch.cli.spoken import say, tell, who
from stillwatch.sharing import pseudonyms
from stillwatch.sharing.hub import Hub
from stillwatch.sharing.settings import Settings, load_settings
from stillwatch.store.database import Store

Config = Annotated[Path, typer.Option("--config", help="Settings of sharing (TOML).")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
By = Annotated[str, typer.Option("--by", help="Who decides this; kept. Default: the user.")]
As = Annotated[str, typer.Option("--as", help="Speak under this pseudonym of ours.")]
HERE = Path("share.toml")

__all__ = [
    "HERE",
    "As",
    "By",
    "Config",
    "Json",
    "asked",
    "opened",
    "say",
    "tell",
    "voice_of",
    "who",
]


@contextmanager
def opened(config: Path) -> Iterator[tuple[Settings, Store]]:
    """Settings and store of a lab."""
    settings = load_settings(config)
    store = Store(settings.store)
    try:
        yield settings, store
    finally:
        store.close()


def voice_of(connection: Connection, settings: Settings, name: str) -> Settings:
    """Settings with the identity and key of one of our names; the empty one is our own."""
    if name in ("", settings.member):
        return settings
    return pseudonyms.speaking_as(connection, settings, name)


@contextmanager
def asked(settings: Settings) -> Iterator[Hub]:
    """The lab's hub."""
    hub = Hub(settings.url, settings.member, settings.token())
    try:
        yield hub
    finally:
        hub.close()
