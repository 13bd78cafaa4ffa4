"""Running hubs for tests: real processes behind real HTTP, and clients of theirs."""

import asyncio
import socket
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from stillwatch.hub import collections, members, tokens
from stillwatch.hub.app import Settings, build
from stillwatch.hub.clock import now
from stillwatch.hub.database import connect
from stillwatch.hub.limits import Limits
from stillwatch.hub.protocol import Protocol

TAXII = "application/taxii+json;version=2.1"
NAMES = ("alpha", "beta", "gamma", "delta")


@dataclass
class World:
    """Members and collections of a hub."""

    url: str
    key_file: Path
    tokens: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    """Collections by alias."""
    base: str = ""

    def box(self, **grants: list[str]) -> str:
        """A new open collection: alpha reads and writes, beta reads, gamma writes; its path."""
        alias = f"box-{uuid.uuid4().hex[:12]}"
        database = connect(self.url)
        with database.write() as connection:
            self.ids[alias] = collections.add(
                connection,
                "Box",
                "open",
                alias=alias,
                readers=grants.get("readers", ["alpha", "beta"]),
                writers=grants.get("writers", ["alpha", "gamma"]),
            )
        database.close()
        return f"/api/collections/{self.ids[alias]}/"

    def client(self, name: str | None = "alpha", **options: Any) -> httpx.Client:
        """A client of a member, or of nobody."""
        auth = None if name is None else (name, self.tokens[name])
        headers = {"Accept": TAXII, "Content-Type": TAXII, **options.pop("headers", {})}
        return httpx.Client(
            base_url=self.base, auth=auth, headers=headers, timeout=180, trust_env=False, **options
        )


def people(url: str, key_file: Path, names: Sequence[str] = NAMES) -> World:
    """A hub with members; ``mixed`` is read-write for alpha, readable by beta, writable by gamma."""
    world = World(url, key_file)
    database = connect(url)
    with database.write() as connection:
        for name in names:
            member = members.add(connection, name, "member", now=now())
            world.tokens[name] = tokens.issue(connection, member, now=now())
        for alias, policy, readers, writers in (
            ("mixed", "open", ["alpha", "beta"], ["alpha", "gamma"]),
            ("all", "open", names[:3], names[:3]),
            ("claims", "claims", names[:3], names[:3]),
        ):
            world.ids[alias] = collections.add(
                connection, alias.title(), policy, alias=alias, readers=readers, writers=writers
            )
    database.close()
    return world


@contextmanager
def serving(
    world: World, limits: Limits | None = None, clock: Any = now, routers: Any = None
) -> Iterator[World]:
    """Serve a world over HTTP from a thread of this process."""
    settings = Settings(world.url, world.key_file, limits=limits or Limits(), clock=clock)
    app = build(settings, routers)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        config = uvicorn.Config(app, log_level="critical", lifespan="on", ws="none", http=Protocol)
        server = uvicorn.Server(config)
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=_run, args=(loop, server, listener), daemon=True)
        thread.start()
        world.base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            _wait(world.base)
            yield world
        finally:
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive()


def indicator(number: int = 0, **values: Any) -> dict[str, Any]:
    """A STIX indicator of its own."""
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--{uuid.uuid4()}",
        "created": "2026-01-01T00:00:00.000Z",
        "modified": f"2026-01-01T00:00:00.{number % 1000:03d}Z",
        "pattern": f"[domain-name:value = 'n{number}.example']",
        "pattern_type": "stix",
        "valid_from": "2026-01-01T00:00:00Z",
        **values,
    }


def _run(loop: asyncio.AbstractEventLoop, server: uvicorn.Server, listener: socket.socket) -> None:
    asyncio.set_event_loop(loop)
    loop.run_until_complete(server.serve(sockets=[listener]))
    loop.close()


def _wait(base: str) -> None:
    until = time.monotonic() + 30
    while True:
        try:
            httpx.get(base + "/taxii2/", trust_env=False)
        except httpx.TransportError:
            assert time.monotonic() < until, "the hub did not come up"
        else:
            return
