"""Gateways for tests: a scripted service for what goes wrong, answers by a table for what goes right."""

import json
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from stillwatch.gateway.decider import Answer, Decider
from stillwatch.gateway.knowledge import Knowledge
from stillwatch.gateway.table import Request
from stillwatch.gateway.throttle import Throttles


def record(effect: str, value: str, scope: str = "account", **more: Any) -> dict[str, Any]:
    """A decision in force, as the stream says it."""
    now = int(time.time())
    if effect == "throttle":
        more.setdefault("rate", {"per_minute": 60})
    return {
        "id": f"decision--{uuid.uuid4()}",
        "effect": effect,
        "scope": scope,
        "value": value,
        "reason": "THE REASON",
        "evidence": ["case:test"],
        "origin": "person:tester",
        "made": now,
        "until": now + 3600,
        **more,
    }


class Known:
    """A way of the client: answers over decisions that a test puts in; knows which leases are out."""

    def __init__(self, *records: dict[str, Any]) -> None:
        self.knowledge = Knowledge()
        for one in records:
            self.knowledge.table.put(one)
        self.knowledge.swap(self.knowledge.table, 1)
        self.throttles = Throttles()
        self.decider = Decider(self.knowledge, self.throttles)
        self.out: set[str] = set()
        self.most_out = 0

    def decide(self, request: Request) -> Answer:
        answer = self.decider.decide(request)
        if answer.lease:
            self.out.add(answer.lease)
            self.most_out = max(self.most_out, len(self.out))
        return answer

    async def adecide(self, request: Request) -> Answer:
        return self.decide(request)

    def release(self, lease: str) -> None:
        assert self.decider.release(lease), "a lease was given back twice, or was none"
        self.out.remove(lease)

    async def arelease(self, lease: str) -> None:
        self.release(lease)

    def ready(self, timeout_s: float) -> bool:
        return timeout_s >= 0

    def reopen(self) -> None:
        raise AssertionError("no test forks with it")

    def close(self) -> None:
        self.decider.close()
        self.throttles.close()

    async def aclose(self) -> None:
        self.close()


@dataclass
class Scripted:
    """A service over raw sockets that does what a test says, and remembers what it was sent."""

    url: str = ""
    mode: str = "answer"
    """``answer``, ``silent``, ``close``, ``drip``, or bytes of an answer's body in ``body``."""
    body: bytes | None = None
    status: str = "200 OK"
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Answers by account; everything else passes."""
    asked: list[dict[str, Any]] = field(default_factory=list)
    released: list[str] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    connections: int = 0

    def answer(self, path: str, said: dict[str, Any]) -> bytes:
        if path == "/v1/release":
            self.released.append(said["lease"])
            return b'{"released": true}'
        self.asked.append(said)
        if self.body is not None:
            return self.body
        passing = {"allowed": True, "status": 200, "effect": "allow", "knowledge_age_s": 0.5}
        return json.dumps({**passing, **self.accounts.get(said.get("account", ""), {})}).encode()

    def serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines:
            while line := lines.readline():
                path = line.split()[1].decode()
                length = 0
                while (header := lines.readline().strip().lower()) != b"":
                    if header.startswith(b"content-length:"):
                        length = int(header.split(b":")[1])
                    if header.startswith(b"authorization:"):
                        self.tokens.append(header.decode())
                said = json.loads(lines.read(length))
                if self.mode == "silent":
                    continue
                if self.mode == "close":
                    return
                body = self.answer(path, said)
                head = f"HTTP/1.1 {self.status}\r\ncontent-length: {len(body)}\r\n\r\n".encode()
                if self.mode == "drip":
                    connection.sendall(head)
                    for place in range(len(body)):
                        time.sleep(0.02)
                        connection.sendall(body[place : place + 1])
                else:
                    connection.sendall(head + body)


@contextmanager
def scripted(port: int = 0) -> Iterator[Scripted]:
    """A scripted service; its threads end with their connections."""
    service = Scripted()
    with socket.create_server(("127.0.0.1", port), backlog=512) as listener:
        service.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        kept: list[socket.socket] = []

        def one(connection: socket.socket) -> None:
            try:
                service.serve(connection)
            except (OSError, ValueError):  # the other side went away
                return

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                service.connections += 1
                kept.append(connection)
                threading.Thread(target=one, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield service
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)
            for connection in kept:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue
