"""Options that the commands of ``evaluator`` have in common, and what they open."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer
from sqlalchemy import Connection

from stillwatch.errors import ConfigError, InputError
from stillwatch.hub.evaluator import schema
from stillwatch.hub.evaluator.home import Home, read_secret
from stillwatch.hub.evaluator.members import Roll, parse

PASSPHRASE: Final = "STILLWATCH_EVALUATOR_PASSPHRASE"  # noqa: S105 - the name of a variable
Folder = Annotated[
    Path,
    typer.Option("--home", envvar="STILLWATCH_EVALUATOR_HOME", help="Folder of the evaluator."),
]
HERE = Path("evaluator")
Url = Annotated[
    str,
    typer.Option(
        "--database",
        envvar="STILLWATCH_EVALUATOR_DATABASE",
        help="postgresql://user@host/name; by default an SQLite file in the home.",
    ),
]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file", help=f"Mode 0600. Without it the variable {PASSPHRASE} is read."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Config = Annotated[Path, typer.Option("--config", help="Settings of sharing (TOML).")]
SETTINGS = Path("share.toml")


def passphrase(file: Path | None) -> bytes:
    """The passphrase of the shares. Raises ``ConfigError`` if there is none."""
    if file is not None:
        found = read_secret(file).rstrip(b"\r\n")
    else:
        found = os.environ.get(PASSPHRASE, "").encode()
    if not found:
        raise ConfigError(
            "there is no passphrase for the shares",
            hint=f"use --passphrase-file FILE, or set {PASSPHRASE}",
        )
    return found


@contextmanager
def writing(home: Path, url: str) -> Iterator[Connection]:
    """A transaction on the evaluator's database."""
    database = schema.opened(url or Home(home).database)
    try:
        with database.write() as connection:
            yield connection
    finally:
        database.close()


@contextmanager
def reading(home: Path, url: str) -> Iterator[Connection]:
    """One instant of the evaluator's database."""
    database = schema.opened(url or Home(home).database)
    try:
        with database.read() as connection:
            yield connection
    finally:
        database.close()


def roll(home: Path) -> Roll:
    """The members. Raises ``InputError`` if their file cannot be used."""
    path = Home(home).members
    try:
        return parse(path.read_bytes())
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror})",
            hint="write it with `stillwatch evaluator members`",
        ) from error


def identity_of(home: Path, name: str) -> str:
    """A member's identity, by its name or itself. Raises ``InputError``."""
    known = roll(home).identities
    found = [identity for identity, called in known.items() if name in (identity, called)]
    if len(found) != 1:
        raise InputError(
            f"{name!r} is {'no member' if not found else 'the name of several members'}",
            hint=f"members: {', '.join(sorted(known.values())) or 'none'}",
        )
    return found[0]


def day(text: str) -> date:
    """A day of an option. Raises ``InputError``."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{text!r} is no day", hint="give it as YYYY-MM-DD") from error


def days(on: date) -> int:
    """Days since 1970."""
    return on.toordinal() - date(1970, 1, 1).toordinal()


def shown(number: int) -> str:
    """A day since 1970 in words."""
    return date.fromordinal(number + date(1970, 1, 1).toordinal()).isoformat()


def today() -> date:
    """The day in UTC."""
    return datetime.now(UTC).date()


def tell(value: Any) -> None:
    """Print JSON."""
    print(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())
