"""One JSON answer over HTTP from a machine that may be broken or hostile.

Rules
    * Every answer is bounded in bytes (after decompression), in nesting and in time.
    * Redirects are not followed: a credential goes to the address that was named and to no other,
      and never over plain HTTP to another machine.
    * What an answer says is never quoted beyond a few printable characters.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import orjson

from stillwatch.errors import ConfigError, PeerError

_LOOPBACK: Final = frozenset(("127.0.0.1", "::1", "localhost"))
_SHOWN: Final = 200
_FINE: Final = frozenset((200, 201, 202, 204))
_HINTS: Final = {
    401: "the server does not know this user or token",
    403: "the server does not let this user read there",
    404: "nothing is there: look at the address and the collection",
    406: "the server does not speak TAXII 2.1",
    429: "the server asks to be asked less often; try again later",
}


class Answered(PeerError):
    """A server answered, and not with success."""

    def __init__(self, message: str, *, hint: str, status: int) -> None:
        super().__init__(message, hint=hint)
        self.status = status


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a server may cost us."""

    answer_bytes: int = 64 * 1024 * 1024
    """One answer, decompressed."""
    answer_seconds: float = 120.0
    """One answer, from question to last byte."""
    connect_seconds: float = 10.0
    silence_seconds: float = 30.0
    """Longest wait for the next bytes."""
    pages: int = 100_000
    """Of one collection in one run."""
    object_bytes: int = 1024 * 1024
    """One object."""
    file_bytes: int = 256 * 1024 * 1024
    """A bundle file."""


BOUNDS: Final = Bounds()


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of success."""

    body: Any
    headers: Mapping[str, str]
    """Names in lower case."""


class Fetcher:
    """Asks one server, with or without credentials."""

    def __init__(
        self, origin: str, auth: httpx.Auth | None = None, bounds: Bounds = BOUNDS
    ) -> None:
        """``origin`` is any address of the server. Raises ``ConfigError`` for one it must not ask."""
        self.origin = origin_of(origin)
        self.bounds = bounds
        if auth is not None and not _is_private(origin):
            raise ConfigError(
                f"{shown(origin)} would send the credentials unprotected", hint="use https://"
            )
        self._client = httpx.Client(
            auth=auth,
            follow_redirects=False,
            timeout=httpx.Timeout(bounds.silence_seconds, connect=bounds.connect_seconds),
        )

    def get(self, url: str, accept: str, params: Mapping[str, str] | None = None) -> Answer:
        """Ask for JSON. Raises ``PeerError``."""
        raw = self.ask("GET", url, accept, params=params)
        return Answer(_parsed(raw.body, url), raw.headers)

    def ask(
        self,
        method: str,
        url: str,
        accept: str,
        *,
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
        kind: str = "application/json",
    ) -> Answer:
        """Ask, or tell ``content`` of a media type; the body comes as bytes. Raises ``PeerError``."""
        if origin_of(url) != self.origin:
            raise PeerError(
                f"{shown(self.origin)} sends us on to {shown(origin_of(url))}",
                hint="name that address yourself if you trust it",
            )
        headers = {"Accept": accept, **({"Content-Type": kind} if content is not None else {})}
        try:
            with self._client.stream(
                method, url, headers=headers, params=params, content=content
            ) as answer:
                body = self._read(answer, url)
        except (httpx.HTTPError, httpx.InvalidURL) as error:  # also of a page mark that is too long
            reason = str(error)[:_SHOWN] or type(error).__name__
            raise PeerError(
                f"{shown(url)} did not answer: {shown(reason)}", hint="try again later"
            ) from error
        if answer.status_code not in _FINE:
            raise Answered(
                f"{shown(url)} answered {answer.status_code}{_title(body)}",
                hint=_HINTS.get(answer.status_code, "try again later"),
                status=answer.status_code,
            )
        return Answer(body, {k.lower(): v for k, v in answer.headers.items()})

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _read(self, answer: httpx.Response, url: str) -> bytes:
        parts, size, until = list[bytes](), 0, time.monotonic() + self.bounds.answer_seconds
        for part in answer.iter_bytes():
            size += len(part)
            if size > self.bounds.answer_bytes:
                raise PeerError(f"{shown(url)} answered with more than {size - len(part):,} bytes")
            if time.monotonic() > until:
                raise PeerError(
                    f"{shown(url)} took more than {self.bounds.answer_seconds:g} s to answer",
                    hint="try again later",
                )
            parts.append(part)
        return b"".join(parts)


def origin_of(url: str) -> str:
    """Scheme, host and port of an address. Raises ``ConfigError`` for one that is not of the web."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError as error:
        raise ConfigError(f"{shown(url)} is no address: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"{shown(url)} is no address", hint="it begins with https://")
    if parts.username or parts.password:
        raise ConfigError(
            "an address with credentials in it ends in logs and histories",
            hint="use --user and --token-file",
        )
    host = parts.hostname
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def shown(text: str) -> str:
    """Printable text on one line, cut, as it may go to a terminal."""
    clean = "".join(c if c.isprintable() else "?" for c in text)
    return clean if len(clean) <= _SHOWN else f"{clean[:_SHOWN]}…"


def _is_private(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" or parts.hostname in _LOOPBACK


def _parsed(body: bytes, url: str) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise PeerError(f"{shown(url)} answered with something that is no JSON") from error


def _title(body: bytes) -> str:
    """What a TAXII error body says, if it is one."""
    try:
        said = orjson.loads(body)
        told = said.get("description") or said["title"]
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return ""
    return f" ({shown(told)})" if isinstance(told, str) else ""
