"""How commands speak: JSON for machines, lines that may hold others' words, and who acts."""

import getpass
import sys
from typing import Any

import orjson

from stillwatch.errors import ConfigError
from stillwatch.report import text

_LINE = text.Cut(chars=2000)


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


def warn(line: str) -> None:
    """Say on stderr what a person should know, and a reader of JSON need not."""
    print(text.plain(line, _LINE), file=sys.stderr)
