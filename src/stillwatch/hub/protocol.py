"""HTTP/1.1 on a connection, bounded where the server's own protocol is not.

Rules: nobody is known yet here, so nothing may pile up: what the parser has swallowed without
telling of it (a head, a trailer, an extension of a chunk) is bounded in bytes, and a head in
time, too, and so are the connections of one peer. What is refused here is told as everywhere else, as a TAXII error, and the connection
ends. Bodies are the gate's.
"""

import asyncio
import ipaddress
from collections import Counter
from typing import Any, ClassVar, Final
from weakref import WeakKeyDictionary

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from stillwatch.hub.errors import Problem, answer
from stillwatch.hub.limits import Limits

_LIMITS: Final = Limits()
_peers: "WeakKeyDictionary[ServerState, Counter[str]]" = WeakKeyDictionary()
"""Connections by peer, of each server in this process."""


class Protocol(HttpToolsProtocol):
    """One connection."""

    head_length: ClassVar[int] = _LIMITS.head_length
    """Bytes of one head."""
    head_seconds: ClassVar[float] = _LIMITS.head_seconds
    """Seconds for one head."""

    most_connections: ClassVar[int] = _LIMITS.connections
    """Of one worker."""
    most_of_peer: ClassVar[int] = _LIMITS.connections_per_peer
    """Of one peer."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._peer: str | None = None
        self._silent = 0
        self._in_head = self._too_long = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first head, if there is room for one more."""
        super().connection_made(transport)
        peers = _peers.setdefault(self.server_state, Counter())
        peer = _peer_of(self.client)
        if len(self.connections) > self.most_connections or peers[peer] >= self.most_of_peer:
            self._refuse(Problem(503, "too many connections", headers={"Retry-After": "2"}))
            return
        self._peer = peer
        peers[peer] += 1
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer and the peer."""
        self._rest()
        if self._peer is not None:
            peers = _peers[self.server_state]
            peers[self._peer] -= 1
            if not peers[self._peer]:
                del peers[self._peer]
            self._peer = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and see what it made of it."""
        self._silent += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._silent > self.head_length:
            self._refuse(_too_long(self.head_length))
        elif self._timer is None and (self._in_head or self._answered()):
            # the server's own timer for idle connections ends with any byte
            self._wait()

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A head is there."""
        self._silent, self._in_head = 0, False
        self._rest()
        length = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if length > self.head_length:
            self._too_long = True
            raise ValueError("the head is too long")  # ends the parser; send_400_response tells it
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of a body is there."""
        self._silent = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is there as a whole."""
        self._silent = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP, or too much of it."""
        if self._too_long:
            self._refuse(_too_long(self.head_length))
        else:
            self._refuse(Problem(400, msg))

    def _answered(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _wait(self) -> None:
        self._timer = self.loop.call_later(self.head_seconds, self._late)

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        if not self._answered():
            self._wait()
        elif self._in_head:
            self._refuse(Problem(408, f"the head did not come within {self.head_seconds} seconds"))
        else:
            self.transport.close()

    def _refuse(self, problem: Problem) -> None:
        """Tell the error, unless another answer is being told, and end the connection."""
        if self._answered() or not self.cycle.response_started:
            told = answer(problem)
            lines = [f"HTTP/1.1 {problem.status} {problem.title}".encode(), b"connection: close"]
            lines += [name + b": " + value for name, value in told.raw_headers]
            self.transport.write(b"\r\n".join([*lines, b"", bytes(told.body)]))
        self.transport.close()


def _peer_of(client: tuple[str, int] | None) -> str:
    """An address; of IPv6 its /64, since one customer has as many addresses as it likes."""
    if client is None:
        return ""  # a socket of this machine
    address = ipaddress.ip_address(client[0].partition("%")[0])
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((address, 64), strict=False))


def _too_long(most: int) -> Problem:
    return Problem(431, f"the head is longer than {most} bytes")
