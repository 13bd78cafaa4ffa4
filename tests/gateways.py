"""Gateways for tests: a real one on loopback, in a thread, over knowledge that the test makes."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import uvloop

from stillwatch.gateway.connection import Connection
from stillwatch.gateway.decider import Decider, FailRules, Taken
from stillwatch.gateway.http import Handler
from stillwatch.gateway.knowledge import Knowledge
from stillwatch.gateway.limits import Limits
from stillwatch.gateway.live import Live
from stillwatch.gateway.metrics import Figures
from stillwatch.gateway.service import Parts, Screening, Service
from stillwatch.gateway.settings import Carriers, Settings, Streaming, bare_settings
from stillwatch.gateway.shared import Shared
from stillwatch.gateway.streaming import Streams
from stillwatch.gateway.tokens import Door, make_missing, read_token

CARRIERS = Carriers(
    account="x-account-id", key="x-key", organisation="x-org", ja4="x-ja4", sign_up="x-sign-up"
)


class NoThrottles:
    """Lets everything through, and remembers what was given back."""

    def __init__(self) -> None:
        self.released: list[str] = []

    def take(self, decision: bytes, rate: Any) -> Taken:
        """Beyond the rate where the rate is one a minute."""
        if rate.per_minute == 1:
            return Taken(False, 7.2)
        return Taken(True, lease=decision.hex() if rate.concurrency else None)

    def release(self, lease: str) -> bool:
        """A request is over."""
        self.released.append(lease)
        return True


@dataclass
class Gateway:
    """One that answers."""

    port: int
    knowledge: Knowledge
    live: Live
    figures: Figures
    decider: Decider
    throttles: NoThrottles
    streams: Streams
    service: Service
    open: Callable[[], int]
    """How many connections there are."""

    @property
    def url(self) -> str:
        """Where."""
        return f"http://127.0.0.1:{self.port}"

    def token(self, door: Door = Door.DECIDE) -> str:
        """Of a door."""
        return read_token(getattr(self.live.settings.tokens, door))

    def client(self, door: Door = Door.DECIDE) -> httpx.Client:
        """Who may ask there."""
        return httpx.Client(
            base_url=self.url, headers={"authorization": f"Bearer {self.token(door)}"}
        )

    def decide(self, **request: Any) -> dict[str, Any]:
        """The answer on a request."""
        with self.client() as client:
            answer = client.post("/v1/decide", json=request)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def raw(self, *parts: bytes, shut: bool = True) -> bytes:
        """What comes back for these bytes, until the other side ends."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as opened:
            for part in parts:
                opened.sendall(part)
            if shut:
                opened.shutdown(socket.SHUT_WR)
            return received(opened)


def received(opened: socket.socket) -> bytes:
    """All that comes until the other side ends."""
    found = b""
    try:
        while piece := opened.recv(65536):
            found += piece
    except ConnectionResetError:
        pass
    return found


@contextmanager
def gateway(
    folder: Path,
    knowledge: Knowledge,
    *,
    carriers: Carriers = CARRIERS,
    limits: Limits | None = None,
    rules: FailRules | None = None,
    streaming: Streaming | None = None,
    screening: Screening | None = None,
    appeal: str = "",
    settings: Settings | None = None,
) -> Iterator[Gateway]:
    """A gateway over some knowledge."""
    bounds = limits or Limits()
    said = settings or replace(bare_settings(folder), request=carriers, appeal=appeal)
    doors = tuple(Door)
    make_missing(said.tokens, doors)
    live, figures, throttles = Live(said, doors), Figures(), NoThrottles()
    decider = Decider(knowledge, throttles, rules or live.rules)
    found: list[Gateway] = []
    ready, loops = threading.Event(), []

    def state() -> tuple[bool, Mapping[str, Any]]:
        return knowledge.present, {
            "status": "ready" if knowledge.present else "not ready",
            "knowledge_age_s": knowledge.age_s(),
            "sequence": knowledge.seq,
            "decisions": len(knowledge.table),
        }

    async def serve() -> None:
        streams = Streams(knowledge, streaming or Streaming())
        parts = Parts(decider, live, figures, streams, state, screening, bounds)
        service = Service(parts)
        shared = Shared(Handler(service.answer, service.refused, service.undelivered), bounds)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Connection(shared), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        found.append(
            Gateway(
                port, knowledge, live, figures, decider, throttles, streams, service,
                lambda: len(shared.open),
            )
        )  # fmt: skip
        stop = asyncio.Event()
        loops.append((loop, stop))
        ready.set()
        while not stop.is_set():
            shared.tick()
            try:
                await asyncio.wait_for(stop.wait(), 0.02)
            except TimeoutError:
                continue
        server.close()
        streams.close()
        for connection in list(shared.open):
            connection.leave(now=True)
        await asyncio.gather(*shared.tasks, return_exceptions=True)
        while shared.open:
            await asyncio.sleep(0)

    thread = threading.Thread(target=lambda: uvloop.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield found[0]
    finally:
        loop, stop = loops[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        decider.close()
