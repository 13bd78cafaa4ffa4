"""What comes in: the head of a request, who signed it, and its body; each bounded."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

from stillwatch.crypto.httpsig import Parameters, verify_head
from stillwatch.domain.claim import KeyId
from stillwatch.hub.evaluator.limits import ELEMENT_BYTES, Limits
from stillwatch.hub.evaluator.refusals import Refused

_READ: Final = frozenset((
    b"host", b"content-digest", b"signature-input", b"signature", b"content-length",
))  # fmt: skip

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Head:
    """A request without its body."""

    method: str
    path: str
    """As it travelled, percent-encoded."""
    query: str
    headers: Mapping[str, str]
    """Those that count, by lower-case name."""


def head(scope: Scope, limits: Limits) -> Head:
    """Read a request's head. Raises ``Refused`` for what is too long or comes twice."""
    query = scope.get("query_string", b"")
    if len(query) > limits.query_length:
        raise Refused(414, "form", f"the query is longer than {limits.query_length} bytes")
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        if name.lower() not in _READ:
            continue
        known = name.decode().lower()
        if known in headers:
            raise Refused(400, "form", f"the header {known} comes twice")
        headers[known] = value.decode("latin-1")
    stated = headers.get("content-length", "")
    if stated.isdecimal() and int(stated[:12]) > limits.body_length:
        raise _too_long(limits)
    path = (scope.get("raw_path") or scope["path"].encode()).partition(b"?")[0]
    texts = (path.decode("latin-1"), query.decode("latin-1"))
    if not all(text.isascii() for text in texts):
        raise Refused(400, "form", "path and query are ASCII, anything else percent-encoded")
    return Head(scope["method"], *texts, headers)


def verified(
    head: Head, authorities: Collection[str], keys: Mapping[KeyId, bytes], at: int
) -> Parameters:
    """Who signed a request. Raises ``Refused`` or ``NotTrusted``.

    The host must be one of ours, or a request that was signed for another server would do here.
    """
    host = head.headers.get("host", "").lower()
    if host not in authorities:
        raise Refused(
            421,
            "host",
            "this evaluator is not known under the Host that was asked",
            hint="ask it by the address in the epoch's document; its operator adds others with"
            " --authority",
        )
    return verify_head(head.method, host, head.path, head.query, head.headers, keys, at)


def check_rate(wait: float, limits: Limits) -> None:
    """Raise ``Refused`` if a member must wait so many seconds."""
    if wait > 0:
        raise Refused(
            429,
            "rate",
            f"more than {limits.requests_per_minute} requests in a minute",
            headers={"Retry-After": str(int(wait) + 1)},
        )


async def body(receive: Receive, limits: Limits) -> bytes:
    """Read a body. Raises ``Refused`` for one that is too long, too slow, or breaks off."""
    pieces, seen = list[bytes](), 0
    try:
        async with asyncio.timeout(limits.body_seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Refused(400, "form", "the body broke off")
                seen += len(message.get("body", b""))
                if seen > limits.body_length:
                    raise _too_long(limits)
                pieces.append(message.get("body", b""))
                if not message.get("more_body", False):
                    return b"".join(pieces)
    except TimeoutError:
        raise Refused(
            408,
            "slow",
            f"the body did not come within {limits.body_seconds:g} seconds",
            headers={"Connection": "close"},
        ) from None


def _too_long(limits: Limits) -> Refused:
    return Refused(
        413,
        "length",
        f"the body is longer than {limits.elements} elements of {ELEMENT_BYTES} bytes",
        hint="send them in several requests",
    )
