"""Evaluators over real HTTP that answer as the wire format says, or lie as a test tells them to."""

import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import orjson

from stillwatch.crypto.epoch import Epoch, Evaluator
from stillwatch.crypto.httpsig import verify_request
from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.oprf import split_elements
from stillwatch.crypto.ristretto import Element, Scalar, multiply_base, random_scalar
from stillwatch.crypto.threshold import Dealt, KeyShare, Quorum, evaluate_share, unsafe_dealer
from stillwatch.domain.claim import KeyId, StixId

MEMBERS = tuple(StixId(f"identity--{n * 8}-0000-4000-8000-000000000000") for n in "abcde")
"""Of alpha, beta, gamma ... who hold shares 1, 2, 3 ..."""


@dataclass
class Question:
    """One evaluation, as an evaluator sees it."""

    elements: list[Element]
    quorum: Quorum
    proof: bool
    generation: int


@dataclass
class Node:
    """One evaluator."""

    share: KeyShare
    keys: dict[KeyId, bytes]
    url: str = ""
    generation: int = 0
    quota: int = 10**9
    asked: list[Question] = field(default_factory=list)
    wire: list[bytes] = field(default_factory=list)
    """Everything that came: heads and bodies."""
    lie: Callable[["Node", Question, bytes], bytes] | None = None
    """Changes an honest answer."""
    refuse: Callable[[Question], tuple[int, dict[str, str]] | None] = lambda _: None
    wait: threading.Event | None = None
    """An answer waits until it is set."""
    nonces: set[str] = field(default_factory=set)
    connections: int = 0

    def answer(self, asked: Question) -> bytes:
        """The right answer."""
        context = self.context if asked.proof else None
        return evaluate_share(
            self.share, asked.quorum, asked.elements, context=context and context(asked)
        ).to_bytes()

    context: Callable[[Question], bytes] | None = None


def wrong_key(node: Node, asked: Question, _: bytes) -> bytes:
    """Evaluates with another share, and proves that one."""
    other = KeyShare(node.share.index, random_scalar())
    context = node.context(asked) if node.context and asked.proof else None
    return evaluate_share(other, asked.quorum, asked.elements, context=context).to_bytes()


def one_wrong(_: Node, asked: Question, honest: bytes) -> bytes:
    """Changes the last element only."""
    end = 32 * len(asked.elements)
    return honest[: end - 32] + multiply_base(random_scalar()) + honest[end:]


def unless_proven(lie: Callable[[Node, Question, bytes], bytes]) -> Any:
    """Lies only where no proof is asked."""
    return lambda node, asked, honest: honest if asked.proof else lie(node, asked, honest)


@dataclass
class Panel:
    """Evaluators that run, and the epoch that names them."""

    dealt: Dealt
    nodes: list[Node]
    epoch: Epoch
    key: SigningKey
    """Of the member that asks."""


@contextmanager
def evaluators(
    threshold: int = 2,
    count: int = 3,
    *,
    name: str = "2026q4",
    key: SigningKey | None = None,
    secret: Scalar | None = None,
) -> Iterator[Panel]:
    """Serve evaluators of one epoch from threads of this process."""
    with warnings.catch_warnings(action="ignore"):
        dealt = unsafe_dealer(threshold, count, secret=secret)
    asker = key or SigningKey.generate()
    with ExitStack() as stack:
        nodes = []
        for share in dealt.shares:
            node = Node(share, {asker.id: asker.public})
            stack.enter_context(_serving(node, name))
            nodes.append(node)
        yield Panel(dealt, nodes, epoch_of(dealt, nodes, threshold, name), asker)


def epoch_of(dealt: Dealt, nodes: Sequence[Node], threshold: int, name: str) -> Epoch:
    """The document of these evaluators, for today."""
    seats = tuple(
        Evaluator(
            n.share.index, MEMBERS[at], SigningKey.generate().id, n.url, n.share.public.element
        )
        for at, n in enumerate(nodes)
    )
    today = datetime.now(UTC).date()
    return Epoch(
        name, threshold, seats, dealt.public_key, nodes[0].generation,
        today - timedelta(10), today + timedelta(60),
    )  # fmt: skip


@contextmanager
def _serving(node: Node, epoch: str) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            node.connections += 1
            super().setup()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            node.wire.append(f"{self.requestline}\r\n{self.headers}".encode() + body)
            path, _, query = self.path.partition("?")
            headers = {k.lower(): v for k, v in self.headers.items()}
            verify_request(
                self.command,
                headers["host"],
                path,
                query,
                body,
                headers,
                node.keys,
                int(time.time()),
            )
            nonce = headers["signature-input"].split('nonce="')[1].split('"')[0]
            assert nonce not in node.nonces, "a replay"
            node.nonces.add(nonce)
            if path.endswith("/v1/me"):
                self._say(200, orjson.dumps({"remaining": node.quota}))
                return
            said = {k: v[0] for k, v in parse_qs(query).items()}
            asked = Question(
                split_elements(body), Quorum.of(map(int, said["quorum"].split(","))),
                said["proof"] == "1", int(said["generation"]),
            )  # fmt: skip
            assert said["epoch"] == epoch
            assert int(said["evaluator"]) == node.share.index
            refused = node.refuse(asked) or self._bounds(asked)
            if refused:
                self._say(refused[0], orjson.dumps({"title": "no"}), refused[1])
                return
            node.asked.append(asked)
            node.quota -= len(asked.elements)
            if node.wait is not None:
                node.wait.wait(30)
            honest = node.answer(asked)
            self._say(200, node.lie(node, asked, honest) if node.lie else honest)

        do_GET = do_POST  # noqa: N815

        def _bounds(self, asked: Question) -> tuple[int, dict[str, str]] | None:
            if asked.generation != node.generation:
                return 409, {}
            if len(asked.elements) > node.quota:
                return 429, {"Retry-After": "3600"}
            return (413, {}) if len(asked.elements) > 5000 else None

        def _say(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            try:
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the client did not wait

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    node.context = lambda asked: _context(epoch, asked, node)

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that hangs up is no news."""

    server = Quiet(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    node.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _context(epoch: str, asked: Question, node: Node) -> bytes:
    from stillwatch.crypto.threshold import proof_context

    return proof_context(epoch, asked.generation, node.share.index)
