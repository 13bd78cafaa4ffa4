"""One evaluator as a member asks it: signed questions, bounded answers, faults with their reason.

Rules: nothing here knows whether an answer is true; that is for canaries, proofs and audits. A
question is signed anew whenever it is sent, so that a repeated one is no replay. What an answer
says in words is cut and made printable before it is shown. Wire format: docs/reference/evaluator.md.
"""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import orjson

from stillwatch.crypto.httpsig import new_nonce, sign_request
from stillwatch.crypto.keys import SigningKey
from stillwatch.errors import PeerError
from stillwatch.sharing.fetch import shown
from stillwatch.sharing.matching.wire import Address, Gone, Late, Line, Reply

ELEMENT_BYTES: Final = 32
PROOF_BYTES: Final = 64
MOST_ELEMENTS: Final = 5000
"""Of one request; the evaluators' bound."""
_MOST_SAID: Final = 64 * 1024
"""Bytes of an answer that is no evaluation."""
_MOST_IDLE: Final = 32
_MOST_WAIT_S: Final = 2 * 86_400


class Fault(StrEnum):
    """Why an evaluator is not asked for now."""

    DOWN = "down"
    SLOW = "slow"
    SPENT = "over quota"
    GENERATION = "of another generation"
    DENIED = "denies us"
    BROKEN = "broken"
    LIED = "answered wrongly"


_WAIT_S: Final = {
    Fault.DOWN: 15.0,
    Fault.SLOW: 15.0,
    Fault.SPENT: 300.0,
    Fault.GENERATION: 60.0,
    Fault.DENIED: 120.0,
    Fault.BROKEN: 60.0,
    Fault.LIED: float("inf"),
}
_FAULTS: Final = {
    401: Fault.DENIED, 403: Fault.DENIED, 404: Fault.GENERATION, 409: Fault.GENERATION,
    429: Fault.SPENT,
}  # fmt: skip


class Failed(PeerError):
    """An evaluator did not give an answer that can be used."""

    def __init__(self, index: int, fault: Fault, message: str, wait_s: float | None = None) -> None:
        super().__init__(message)
        self.index, self.fault = index, fault
        self.wait_s = _WAIT_S[fault] if wait_s is None else wait_s
        """Seconds for which asking again is of no use."""


@dataclass(frozen=True, slots=True)
class Question:
    """One batch for every evaluator of a quorum."""

    epoch: str
    generation: int
    quorum: tuple[int, ...]
    elements: bytes
    """32 bytes each."""
    proof: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What one evaluator gave; its form is checked, its truth is not."""

    elements: bytes
    proof: bytes = b""
    """64 bytes where one was asked for."""


class Peer:
    """An evaluator and our connections to it; may be used by several threads."""

    def __init__(self, index: int, member: str, url: str, key: SigningKey) -> None:
        """Raises ``ConfigError`` for an address that nothing may be sent to."""
        self.index, self.member = index, member
        self.address = Address.parse(url)
        self._key = key
        self._idle: list[Line] = []
        self._lock = threading.Lock()

    def ask(self, question: Question, until: float) -> "Asked":
        """Send a question; its answer is read from what is returned. Raises ``Failed``."""
        quorum = ",".join(map(str, question.quorum))
        query = (
            f"epoch={question.epoch}&generation={question.generation}&evaluator={self.index}"
            f"&quorum={quorum}&proof={int(question.proof)}"
        )
        request = _Request("POST", f"{self.address.path}/v1/evaluate", query, question.elements)
        most = len(question.elements) + PROOF_BYTES * question.proof
        return Asked(self, request, max(most, _MOST_SAID), most, until)

    def me(self, until: float) -> dict[str, Any]:
        """What the evaluator says of us: quota and use. Raises ``Failed``."""
        request = _Request("GET", f"{self.address.path}/v1/me", "", b"")
        said = _object(Asked(self, request, _MOST_SAID, None, until).body())
        if said is None:
            raise self.failed(Fault.BROKEN, "answered with no JSON object")
        return said

    def close(self) -> None:
        """Let go of connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for line in idle:
            line.close()

    def line(self, until: float) -> tuple[Line, bool]:
        """A connection, and whether it was used before."""
        while True:
            with self._lock:
                line = self._idle.pop() if self._idle else None
            if line is None:
                return Line(self.address, until), False
            if line.alive():
                return line, True
            line.close()

    def keep(self, line: Line) -> None:
        """Take back a connection that may be used again."""
        with self._lock:
            if len(self._idle) < _MOST_IDLE:
                self._idle.append(line)
                return
        line.close()

    def signed(self, request: "_Request") -> bytes:
        """A request as it travels, signed now."""
        authority = self.address.authority
        signature = sign_request(
            request.method, authority, request.path, request.query, request.body, self._key,
            int(time.time()), new_nonce(),
        )  # fmt: skip
        target = f"{request.path}?{request.query}" if request.query else request.path
        lines = [f"{request.method} {target} HTTP/1.1", f"Host: {authority}"]
        lines += [f"{name}: {value}" for name, value in signature.items()]
        lines.append(f"Content-Length: {len(request.body)}")
        if request.body:
            lines.append("Content-Type: application/octet-stream")
        return "\r\n".join([*lines, "", ""]).encode("ascii") + request.body

    def refused(self, reply: Reply) -> Failed:
        """The fault of an answer that is none."""
        fault = _FAULTS.get(reply.status, Fault.BROKEN if reply.status < 500 else Fault.DOWN)
        wait = _seconds(reply.headers.get(b"retry-after"))
        return self.failed(fault, f"answered {reply.status}{_said(reply.body)}", wait)

    def broke(self, error: PeerError) -> Failed:
        """The fault of a connection."""
        fault = Fault.SLOW if isinstance(error, Late) else Fault.BROKEN
        fault = Fault.DOWN if isinstance(error, Gone) else fault
        return Failed(self.index, fault, f"evaluator {self.index} ({self.member}): {error.message}")

    def failed(self, fault: Fault, what: str, wait_s: float | None = None) -> Failed:
        """A fault of this evaluator."""
        return Failed(self.index, fault, f"evaluator {self.index} ({self.member}) {what}", wait_s)


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    query: str
    body: bytes


class Asked:
    """A question on its way to one evaluator; it is answered once, or dropped."""

    def __init__(
        self, peer: Peer, request: _Request, most: int, due: int | None, until: float
    ) -> None:
        """Send. ``due`` is the length of the right answer, if it is known. Raises ``Failed``."""
        self._peer, self._request = peer, request
        self._most, self._due, self._until = most, due, until
        try:
            self._line, self._reused = peer.line(until)
            try:
                self._send()
            except Gone:
                if not self._reused:
                    raise
                self._anew()
        except PeerError as error:
            raise peer.broke(error) from error

    def answer(self) -> Answer:
        """The answer, of the right length. Raises ``Failed``."""
        body, end = self.body(), len(self._request.body)
        return Answer(body[:end], body[end:])

    def body(self) -> bytes:
        """The body of an answer of success. Raises ``Failed``."""
        try:
            reply = self._received()
        except PeerError as error:
            raise self._peer.broke(error) from error
        if reply.status != 200:
            raise self._peer.refused(reply)
        if self._due is not None and len(reply.body) != self._due:
            raise self._peer.failed(
                Fault.BROKEN, f"answered {len(reply.body)} bytes where {self._due} were due"
            )
        return reply.body

    def drop(self) -> None:
        """Read no answer."""
        self._line.close()

    def _received(self) -> Reply:
        try:
            return self._receive()
        except Gone:
            if not self._reused:
                raise
        self._anew()  # the server had closed a connection that looked alive
        return self._receive()

    def _receive(self) -> Reply:
        try:
            reply, again = self._line.receive(self._most, self._until)
        except BaseException:
            self._line.close()
            raise
        if again:
            self._peer.keep(self._line)
        else:
            self._line.close()
        return reply

    def _anew(self) -> None:
        self._line.close()
        self._line, self._reused = Line(self._peer.address, self._until), False
        self._send()

    def _send(self) -> None:
        try:
            self._line.send(self._peer.signed(self._request), self._until)
        except BaseException:
            self._line.close()
            raise


def close_all(peers: Iterable[Peer]) -> None:
    """Let go of all connections."""
    for peer in peers:
        peer.close()


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return said if isinstance(said, dict) else None


def _said(body: bytes) -> str:
    said = _object(body) or {}
    told = said.get("description") or said.get("title")
    return f" ({shown(told)})" if isinstance(told, str) else ""


def _seconds(text: bytes | None) -> float | None:
    """Retry-After in seconds; dates and nonsense are as if it were missing."""
    if text is None or not text.isdigit() or len(text) > 9:
        return None
    return float(min(int(text), _MOST_WAIT_S))
