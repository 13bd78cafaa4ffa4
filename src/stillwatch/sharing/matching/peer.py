"""One evaluator as a member asks it: signed questions, bounded answers, faults with their reason.

Rules: nothing here knows whether an answer is true; that is for canaries, proofs and audits. A
question is signed anew whenever it is sent, so that a repeated one is no replay. What an answer
says in words is cut and made printable before it is shown. Wire format: docs/reference/evaluator.md.
"""

import threading
import time
from collections.abc import Callable, Sequence
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

    def ask(self, question: Question, until: float) -> Callable[[], Answer]:
        """Send a question; call what is returned for the answer. Both raise ``Failed``."""
        path, query = self._evaluation(question)
        most = len(question.elements) + PROOF_BYTES * question.proof
        waiting = self._exchange("POST", path, query, question.elements, most, until)

        def answer() -> Answer:
            reply = waiting()
            if reply.status != 200:
                raise self._refused(reply)
            if len(reply.body) != most:
                raise self._failed(
                    Fault.BROKEN, f"answered {len(reply.body)} bytes where {most} were due"
                )
            end = len(question.elements)
            return Answer(reply.body[:end], reply.body[end:])

        return answer

    def me(self, until: float) -> dict[str, Any]:
        """What the evaluator says of us: quota and use. Raises ``Failed``."""
        reply = self._exchange("GET", f"{self.address.path}/v1/me", "", b"", _MOST_SAID, until)()
        if reply.status != 200:
            raise self._refused(reply)
        said = _object(reply.body)
        if said is None:
            raise self._failed(Fault.BROKEN, "answered with no JSON object")
        return said

    def close(self) -> None:
        """Let go of connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for line in idle:
            line.close()

    def _evaluation(self, question: Question) -> tuple[str, str]:
        quorum = ",".join(map(str, question.quorum))
        query = (
            f"epoch={question.epoch}&generation={question.generation}&evaluator={self.index}"
            f"&quorum={quorum}&proof={int(question.proof)}"
        )
        return f"{self.address.path}/v1/evaluate", query

    def _exchange(
        self, method: str, path: str, query: str, body: bytes, most: int, until: float
    ) -> Callable[[], Reply]:
        """Send; the answer is read when what is returned is called."""
        most = max(most, _MOST_SAID)
        try:
            line, reused = self._line(until)
            try:
                line.send(self._request(method, path, query, body), until)
            except Gone:
                line.close()
                if not reused:
                    raise
                line, reused = Line(self.address, until), False
                line.send(self._request(method, path, query, body), until)
        except PeerError as error:
            raise self._broke(error) from error

        def receive() -> Reply:
            try:
                return self._receive(line, most, until)
            except Gone as error:
                if not reused:
                    raise self._broke(error) from error
            except PeerError as error:
                raise self._broke(error) from error
            try:  # the server had closed a connection that looked alive: once more, on a new one
                fresh = Line(self.address, until)
                fresh.send(self._request(method, path, query, body), until)
                return self._receive(fresh, most, until)
            except PeerError as error:
                raise self._broke(error) from error

        return receive

    def _line(self, until: float) -> tuple[Line, bool]:
        while True:
            with self._lock:
                line = self._idle.pop() if self._idle else None
            if line is None:
                return Line(self.address, until), False
            if line.alive():
                return line, True
            line.close()

    def _receive(self, line: Line, most: int, until: float) -> Reply:
        try:
            reply, again = line.receive(most, until)
        except BaseException:
            line.close()
            raise
        with self._lock:
            if again and len(self._idle) < _MOST_IDLE:
                self._idle.append(line)
                return reply
        line.close()
        return reply

    def _request(self, method: str, path: str, query: str, body: bytes) -> bytes:
        authority = self.address.authority
        signed = sign_request(
            method, authority, path, query, body, self._key, int(time.time()), new_nonce()
        )
        target = f"{path}?{query}" if query else path
        lines = [f"{method} {target} HTTP/1.1", f"Host: {authority}"]
        lines += [f"{name}: {value}" for name, value in signed.items()]
        lines += [f"Content-Length: {len(body)}", "Content-Type: application/octet-stream"]
        return "\r\n".join([*lines, "", ""]).encode("ascii") + body

    def _refused(self, reply: Reply) -> Failed:
        fault = _FAULTS.get(reply.status, Fault.BROKEN if reply.status < 500 else Fault.DOWN)
        wait = _seconds(reply.headers.get(b"retry-after"))
        return self._failed(fault, f"answered {reply.status}{_said(reply.body)}", wait)

    def _broke(self, error: PeerError) -> Failed:
        if isinstance(error, Failed):
            return error
        fault = Fault.SLOW if isinstance(error, Late) else Fault.BROKEN
        fault = Fault.DOWN if isinstance(error, Gone) else fault
        return Failed(self.index, fault, f"evaluator {self.index} ({self.member}): {error.message}")

    def _failed(self, fault: Fault, what: str, wait_s: float | None = None) -> Failed:
        return Failed(self.index, fault, f"evaluator {self.index} ({self.member}) {what}", wait_s)


def close_all(peers: Sequence[Peer]) -> None:
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
