"""Options that the commands of ``share`` have in common, and what they open."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from sqlalchemy import Connection

from stillwatch.errors import ConfigError
from stillwatch.report import text
from stillwatch.sharing import pseudonyms
from stillwatch.sharing.hub import Hub
from stillwatch.sharing.settings import Settings, load_settings
from stillwatch.store.database import Store

Config = Annotated[Path, typer.Option("--config", help="Settings of sharing (TOML).")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
By = Annotated[str, typer.Option("--by", help="Who decides this; kept. Default: the user.")]
As = Annotated[str, typer.Option("--as", help="Speak under this pseudonym of ours.")]
HERE = Path("share.toml")
_LINE = text.Cut(chars=2000)


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


def who(by: str) -> str:
    """Name of who decides. Raises ``ConfigError`` if there is none."""
    try:
        name = by or getpass.getuser()
    except (KeyError, OSError) as error:
        raise ConfigError("nobody is named as deciding this", hint="use --by NAME") from error
    return name


def tell(value: Any) -> None:
    """Print JSON."""
    print(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def say(line: str) -> None:
    """Print a line that may hold others' words."""
    print(text.plain(line, _LINE))
