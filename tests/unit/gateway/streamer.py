"""A small HTTP server of the stream, which harms what it sends as a test wishes."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from stillwatch.gateway.knowledge import Behind, Knowledge
from stillwatch.gateway.stream import change_lines, startup_lines

Harm = Callable[[bytes], bytes]


class Streamer:
    """Serves what is known; ``harm`` changes a whole body, ``status`` answers nothing else."""

    def __init__(self, knowledge: Knowledge) -> None:
        self.knowledge = knowledge
        self.harm: Harm = bytes
        self.status = 200
        self.cut = False
        """Send less than was promised, and hang up."""
        self.asked: list[tuple[str, str | None]] = []
        self.url = ""

    def body(self, path: str) -> bytes:
        query = parse_qs(urlsplit(path).query)
        if "since" not in query:
            return self.harm(b"".join(startup_lines(self.knowledge)))
        since = int(query["since"][0])
        self.knowledge.wait(since, float(query["wait"][0]))
        return self.harm(b"".join(change_lines(self.knowledge, since)))


@contextmanager
def streaming(knowledge: Knowledge) -> Iterator[Streamer]:
    """Running on loopback."""
    streamer = Streamer(knowledge)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            streamer.asked.append((self.path, self.headers.get("authorization")))
            try:
                body, status = streamer.body(self.path), streamer.status
            except Behind:
                body, status = b"", 410
            self.send_response(status)
            self.send_header("location", "http://192.0.2.1/")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if streamer.cut else body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    streamer.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield streamer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
