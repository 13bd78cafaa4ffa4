"""What a handler is asked and what it answers: HTTP/1.1 without the connection.

Rules: an answer is bytes that were put together once. A body of an answer is always of a known
length but for a stream, which is chunked (RFC 9112, 7.1), or ends with the connection for HTTP/1.0.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import orjson

log = logging.getLogger("stillwatch.gateway")
JSON: Final = b"application/json"
TEXT: Final = b"text/plain; charset=utf-8"
NDJSON: Final = b"application/x-ndjson"
_LINES: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}
Fields = tuple[tuple[bytes, bytes], ...]
_NO_BODY: Final = frozenset({204, 304})


class Asked(NamedTuple):
    """A request, whole."""

    method: bytes
    path: bytes
    """Without the query, as it was sent."""
    query: bytes
    headers: list[tuple[bytes, bytes]]
    """Names in lower case, in the order in which they came."""
    body: bytes


class Reply(NamedTuple):
    """An answer, whole."""

    status: int
    body: bytes = b""
    media: bytes = JSON
    fields: Fields = ()
    """Further headers."""
    lease: str | None = None
    """Taken for who is answered; given back where the answer does not arrive."""


def head(reply_status: int, media: bytes, fields: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
    """Lines of a head that every answer has; the end and the framing are the connection's."""
    lines = [_LINES[reply_status]]
    if media:
        lines.append(b"content-type: %b\r\n" % media)
    lines += [b"%b: %b\r\n" % pair for pair in fields]
    return lines


class Stream:
    """The writer of one answer: chunked, or ending with the connection for HTTP/1.0."""

    def __init__(self, send: Callable[[bytes], Awaitable[None]], date: bytes, *, old: bool) -> None:
        self._send, self._date, self._old = send, date, old
        self.begun = False
        self.end = b"" if old else b"0\r\n\r\n"

    async def begin(self, status: int, media: bytes) -> None:
        """Send the head of a stream."""
        framing = b"connection: close" if self._old else b"transfer-encoding: chunked"
        lines = [*head(status, media, ((b"cache-control", b"no-store"),)), self._date]
        self.begun = True
        await self._send(b"".join([*lines, framing, b"\r\n\r\n"]))

    async def write(self, data: bytes) -> None:
        """Send a part, when the reader has taken what came before."""
        if data:
            await self._send(data if self._old else b"%x\r\n%b\r\n" % (len(data), data))


Later = Callable[[Stream], Awaitable[Reply | None]]
"""An answer that takes time; None where it was written as a stream."""


@dataclass(frozen=True, slots=True)
class Handler:
    """What a connection needs to know of the service behind it."""

    answer: Callable[[Asked], Reply | Later]
    refused: Callable[[int], None]
    """Told of what was refused before it was a request: the status."""
    undelivered: Callable[[str], None]
    """Told of a lease in an answer that did not arrive."""


def problem(status: int, said: str, fields: Fields = ()) -> Reply:
    """A refusal of the service itself, in words for people."""
    title = HTTPStatus(status).phrase
    return Reply(status, orjson.dumps({"title": title, "description": said}), JSON, fields)


def told(status: int, value: Mapping[str, Any], fields: Fields = ()) -> Reply:
    """JSON."""
    return Reply(status, orjson.dumps(value), JSON, fields)


def written(reply: Reply, date: bytes, *, headless: bool, keep: bool, old: bool) -> list[bytes]:
    """An answer as it leaves, in parts; ``date`` is the whole line."""
    lines = head(reply.status, reply.media if reply.body else b"", reply.fields)
    lines.append(date)
    if reply.status not in _NO_BODY:
        lines.append(b"content-length: %d\r\n" % len(reply.body))
    if not keep:
        lines.append(b"connection: close\r\n")
    elif old:
        lines.append(b"connection: keep-alive\r\n")
    lines.append(b"\r\n")
    if not headless and reply.status not in _NO_BODY:
        lines.append(reply.body)
    return lines


def failed(error: Exception) -> Reply:
    """The answer to who asked when an error of ours came; its words stay in the log."""
    log.error("an error of the service: %s", type(error).__name__, exc_info=error)
    return problem(500, type(error).__name__)
