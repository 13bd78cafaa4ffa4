"""Running evaluators for tests: real HTTP, members with keys, and a plain client of theirs."""

import asyncio
import socket
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from stillwatch.crypto.httpsig import new_nonce, sign_request
from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.ristretto import Element
from stillwatch.crypto.threshold import Dealt, Part, unsafe_dealer
from stillwatch.hub.evaluator.app import Evaluator, Parts, seconds
from stillwatch.hub.evaluator.limits import Limits
from stillwatch.hub.evaluator.members import Members, listed_key, written
from stillwatch.hub.evaluator.schema import initialise, opened
from stillwatch.hub.evaluator.shares import Held, Shares
from stillwatch.hub.protocol import Protocol

LOG = "hub.test/log"
NAMES = ("alpha", "beta", "gamma")


def dealt(threshold: int = 2, holders: int = 3) -> Dealt:
    with warnings.catch_warnings(action="ignore"):
        return unsafe_dealer(threshold, holders)


@dataclass
class Roster:
    """Members with keys, and the file that says so."""

    path: Path
    keys: dict[str, SigningKey] = field(
        default_factory=lambda: {name: SigningKey.generate() for name in NAMES}
    )
    states: dict[str, str] = field(default_factory=dict)
    size: int = 1

    def write(self) -> None:
        members = [
            {
                "identity": f"identity--{name}",
                "name": name,
                "state": self.states.get(name, "active"),
                "keys": [listed_key(key.public, "active")],
            }
            for name, key in self.keys.items()
        ]
        self.size += 1
        self.path.write_bytes(written(LOG, self.size, members))
        self.path.chmod(0o600)


@dataclass
class Client:
    """A member that asks one evaluator."""

    url: str
    key: SigningKey
    index: int = 1
    epoch: str = "e1"
    generation: int = 0
    quorum: str = "1,3"
    created: int | None = None

    def query(self, **values: object) -> str:
        said = {
            "epoch": self.epoch,
            "generation": self.generation,
            "evaluator": self.index,
            "quorum": self.quorum,
            "proof": 0,
            **values,
        }
        return "&".join(f"{name}={value}" for name, value in said.items() if value is not None)

    def signed(
        self, method: str, path: str, query: str, body: bytes, nonce: str = ""
    ) -> dict[str, str]:
        at = int(time.time()) if self.created is None else self.created
        host = self.url.removeprefix("http://")
        return sign_request(method, host, path, query, body, self.key, at, nonce or new_nonce())

    def post(self, body: bytes, *, nonce: str = "", **values: object) -> httpx.Response:
        query = self.query(**values)
        headers = self.signed("POST", "/v1/evaluate", query, body, nonce)
        url = f"{self.url}/v1/evaluate?{query}"
        return httpx.post(url, content=body, headers=headers, trust_env=False, timeout=120)

    def part(self, elements: Sequence[Element], *, proof: bool = False) -> Part:
        answer = self.post(b"".join(elements), proof=int(proof))
        assert answer.status_code == 200, answer.text
        return Part.from_bytes(self.index, answer.content, len(elements), proven=proof)

    def me(self) -> httpx.Response:
        headers = self.signed("GET", "/v1/me", "", b"")
        return httpx.get(f"{self.url}/v1/me", headers=headers, trust_env=False)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", trust_env=False, **options)


def today() -> date:
    return datetime.now(UTC).date()


def held(shares: Dealt, index: int, **values: Any) -> Held:
    start = today() - timedelta(days=1)
    usual = {
        "epoch": "e1",
        "generation": 0,
        "threshold": 2,
        "evaluators": frozenset(share.index for share in shares.shares),
        "first": start,
        "last": start + timedelta(days=89),
        "share": shares.shares[index - 1],
    }
    return Held(**{**usual, **values})


@dataclass
class Running:
    """One evaluator in a thread of this process."""

    url: str
    database: str
    roster: Roster

    def client(self, name: str = "alpha", **values: Any) -> Client:
        return replace(Client(self.url, self.roster.keys[name]), **values)


@contextmanager
def running(
    folder: Path,
    shares: Sequence[Held],
    limits: Limits | None = None,
    url: str = "",
    clock: Any = seconds,
    *,
    keys: dict[str, SigningKey] | None = None,
    port: int = 0,
    relay: str = "",
) -> Iterator[Running]:
    """Serve shares over HTTP; the database is kept from one time to the next.

    ``relay`` is the host and port under which members know it, if it is not its own.
    """
    roster = Roster(folder / "members.json")
    roster.keys.update(keys or {})
    roster.write()
    url = url or f"sqlite:///{folder / 'evaluator.db'}"
    initialise(url)
    limits = limits or Limits()
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(128)
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        members = Members(roster.path, limits)
        hosts = frozenset((host, relay or host))
        parts = Parts(opened(url), Shares(shares), members, hosts, limits, clock)
        config = uvicorn.Config(
            Evaluator(parts), log_level="critical", lifespan="on", ws="none", http=Protocol
        )
        server = uvicorn.Server(config)
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        thread = threading.Thread(
            target=lambda: asyncio.run(server.serve(sockets=[listener])), daemon=True
        )
        thread.start()
        try:
            yield Running(f"http://{host}", url, roster)
        finally:
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive()
