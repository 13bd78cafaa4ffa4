"""Who may ask what: tokens in files, one a line, compared in constant time.

Rules: a token opens one kind of door. Whoever asks for decisions cannot read the stream, which
names customers; whoever reads figures can do nothing else. A file may hold several tokens: the
next one is added before the last one goes. Only digests are held in memory.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from stillwatch.crypto.files import refuse_readable
from stillwatch.errors import ConfigError
from stillwatch.gateway.settings import TokenFiles

HEADER: Final = b"x-stillwatch-token"
"""Where the token stands when Authorization is the client's own, as in requests passed on."""
_MOST_BYTES: Final = 64 * 1024
_MOST_TOKENS: Final = 64
_LEAST_CHARS: Final = 16


class Door(StrEnum):
    """What a token opens."""

    DECIDE = "decide"
    STREAM = "stream"
    METRICS = "metrics"
    SCREEN = "screen"


@dataclass(frozen=True, slots=True)
class Tokens:
    """Digests of the tokens of each door."""

    of: Mapping[Door, tuple[bytes, ...]] = field(repr=False)

    @classmethod
    def load(cls, files: TokenFiles, doors: Iterable[Door]) -> "Tokens":
        """Read the files of some doors; no token opens another. Raises ``ConfigError``."""
        return cls({door: tuple(_digests(getattr(files, door))) for door in doors})

    def opens(self, door: Door, given: bytes | None) -> bool:
        """Whether a token is one of a door's. The time does not depend on which one it is."""
        if given is None:
            return False
        digest, found = hashlib.sha256(given).digest(), False
        for known in self.of.get(door, ()):
            found |= hmac.compare_digest(digest, known)
        return found

    def opens_any(self, given: bytes | None) -> bool:
        """Whether it is a token of ours at all: enough for figures, which name nobody."""
        return any([self.opens(door, given) for door in Door])  # noqa: C419 - no early end


def given_token(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """The token of a request: our own header's before ``Authorization: Bearer``'s."""
    bearer = None
    for name, value in headers:
        if name == HEADER:
            return value
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            bearer = value[7:].strip()
    return bearer


def make_missing(files: TokenFiles, doors: Iterable[Door]) -> list[Path]:
    """Write a new token into every file that is not there; which ones."""
    made = []
    for door in doors:
        path: Path = getattr(files, door)
        if not path.exists():
            write_new(path, secrets.token_urlsafe(32))
            made.append(path)
    return made


def read_token(path: Path) -> str:
    """The first token of a file, to be shown to somebody else. Raises ``ConfigError``."""
    return _lines(path)[0]


def _digests(path: Path) -> Iterator[bytes]:
    return (hashlib.sha256(line.encode()).digest() for line in _lines(path))


def _lines(path: Path) -> list[str]:
    try:
        mode = path.stat().st_mode
        with path.open(encoding="ascii") as file:
            lines = [line.strip() for line in file.read(_MOST_BYTES).splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise ConfigError(
            f"the token file {path} cannot be read: {why}",
            hint="`stillwatch gateway init` makes one beside gateway.toml; --token-file names another",
        ) from error
    refuse_readable(path, mode, "make a new token", "the token file")
    tokens = [line for line in lines if line and not line.startswith("#")]
    if not 0 < len(tokens) <= _MOST_TOKENS:
        raise ConfigError(
            f"the token file {path} holds {len(tokens)} tokens",
            hint=f"1 to {_MOST_TOKENS}, one a line",
        )
    for token in tokens:
        if len(token) < _LEAST_CHARS or len(token.split()) != 1:
            raise ConfigError(
                f"the token file {path} holds a line that is no token",
                hint=f"at least {_LEAST_CHARS} characters without blanks, e.g. `openssl rand -hex 32`",
            )
    return tokens


def write_new(path: Path, text: str) -> None:
    """Write a new file of mode 0600. Raises ``ConfigError`` if it exists."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text + "\n")
    except OSError as error:
        raise ConfigError(f"{path} cannot be written ({error.strerror})") from error
