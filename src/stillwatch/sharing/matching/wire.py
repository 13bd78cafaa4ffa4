"""One kept-alive HTTP/1.1 connection to an evaluator, lean enough for a sign-up.

A sign-up may cost a millisecond of processor time over all evaluators, and a general client takes
several for one request. Rules: TLS unless the address is this machine's; every wait ends at the
caller's deadline, and every answer at a number of bytes; nothing is redirected, decompressed or
sent through a proxy. A request is sent on one connection and its answer read later, so that one
thread asks several evaluators at once.
"""

import select
import socket
import ssl
import time
from dataclasses import dataclass, field
from functools import cache
from typing import Final
from urllib.parse import urlsplit

import httptools

from stillwatch.errors import ConfigError, PeerError
from stillwatch.sharing.fetch import shown

_LOOPBACK: Final = frozenset(("127.0.0.1", "::1", "localhost"))
_READ: Final = 256 * 1024
_MOST_HEAD: Final = 32 * 1024
_NAMES: Final = frozenset((b"retry-after", b"content-encoding", b"content-type"))
"""Headers that anything here looks at."""


class Gone(PeerError):
    """The connection broke, or was never made."""


class Late(PeerError):
    """The deadline came first."""


@dataclass(slots=True)
class Reply:
    """One answer, whatever its status."""

    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    """Those looked at, names in lower case."""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Address:
    """Where an evaluator listens."""

    host: str
    port: int
    tls: bool
    path: str
    """Before ``/v1``, without a slash at its end."""

    @property
    def authority(self) -> str:
        """Host and port as they are signed and sent (RFC 9110, section 7.2; RFC 9421, 2.2.3)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Of a URL. Raises ``ConfigError`` for one that nothing may be sent to."""
        try:
            parts = urlsplit(url)
            port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
        except ValueError as error:
            raise ConfigError(f"{shown(url)} is no address: {error}") from error
        plain = parts.scheme == "http" and parts.hostname in _LOOPBACK
        odd = parts.username or parts.password or parts.query or parts.fragment
        if not parts.hostname or not port or odd or not url.isascii() or " " in url:
            raise ConfigError(f"{shown(url)} is no address of an evaluator")
        if parts.scheme != "https" and not plain:
            raise ConfigError(
                f"{shown(url)} would be asked without protection", hint="evaluators use https://"
            )
        return cls(parts.hostname, port, parts.scheme == "https", parts.path.rstrip("/"))


class Line:
    """One connection. Not for several threads at a time."""

    def __init__(self, address: Address, until: float) -> None:
        """Connect. ``until`` is an instant of ``time.monotonic``. Raises ``Gone`` or ``Late``."""
        self.address = address
        self.used = False
        """Whether an answer came on it: a server may have closed it since."""
        try:
            raw = socket.create_connection((address.host, address.port), _left(until, address))
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = raw
            if address.tls:
                self._socket = _context().wrap_socket(raw, server_hostname=address.host)
        except TimeoutError as error:
            raise Late(f"{address.authority} cannot be reached in time") from error
        except (OSError, ssl.SSLError) as error:
            reason = error.strerror or type(error).__name__
            raise Gone(f"{address.authority} cannot be reached ({shown(reason)})") from error

    def alive(self) -> bool:
        """Whether the other side has left it open and said nothing unasked."""
        try:
            return not select.select((self._socket,), (), (), 0)[0]
        except (OSError, ValueError):
            return False

    def send(self, request: bytes, until: float) -> None:
        """Send a whole request. Raises ``Gone`` or ``Late``."""
        try:
            self._socket.settimeout(_left(until, self.address))
            self._socket.sendall(request)
        except TimeoutError as error:
            raise Late(f"{self.address.authority} takes nothing in time") from error
        except OSError as error:
            raise Gone(f"{self.address.authority} broke off") from error

    def receive(self, most: int, until: float) -> tuple[Reply, bool]:
        """The answer, of ``most`` bytes at most, and whether the connection may be used again.

        Raises ``Gone``, ``Late``, or ``PeerError`` for what is no HTTP or too long.
        """
        reading = _Reading(most)
        parser = reading.parser = httptools.HttpResponseParser(reading)
        while not reading.done:
            try:
                self._socket.settimeout(_left(until, self.address))
                data = self._socket.recv(_READ)
            except TimeoutError as error:
                raise Late(f"{self.address.authority} does not answer in time") from error
            except OSError as error:
                raise Gone(f"{self.address.authority} broke off") from error
            if not data:
                raise Gone(f"{self.address.authority} closed before its answer was whole")
            try:
                parser.feed_data(data)
            except httptools.HttpParserError as error:
                said = reading.fault or "answered with something that is no HTTP"
                raise PeerError(f"{self.address.authority} {said}") from error
        self.used = True
        reply = reading.reply
        reply.status, reply.body = parser.get_status_code(), b"".join(reading.parts)
        return reply, reading.again

    def close(self) -> None:
        """Let go of it."""
        self._socket.close()


class _Reading:
    """Collects one answer within its bounds; the parser calls it."""

    def __init__(self, most: int) -> None:
        self.reply = Reply()
        self.parts = list[bytes]()
        self.parser: httptools.HttpResponseParser | None = None
        self.done = self.again = False
        self.fault = ""
        self._left, self._head = most, _MOST_HEAD

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head -= len(name) + len(value)
        if self._head < 0:
            self._refuse(f"answered with a head of more than {_MOST_HEAD:,} bytes")
        if (lower := name.lower()) in _NAMES:
            self.reply.headers[lower] = value

    def on_body(self, part: bytes) -> None:
        self._left -= len(part)
        if self._left < 0:
            self._refuse("answered with more bytes than were asked for")
        self.parts.append(part)

    def on_message_complete(self) -> None:
        if self.done:
            self._refuse("answered more than once")
        self.done = True
        self.again = self.parser is not None and bool(self.parser.should_keep_alive())

    def _refuse(self, fault: str) -> None:
        self.fault = fault
        raise ValueError(fault)  # the parser ends with an error of its own


@cache
def _context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _left(until: float, address: Address) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise Late(f"{address.authority} does not answer in time")
    return left
