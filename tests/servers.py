"""Servers for tests on free ports: processes and ASGI applications that are there when they are needed."""

import asyncio
import contextlib
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import uvicorn

PATIENCE_S = 60


def answering(
    port: int, process: subprocess.Popen[bytes] | None = None, log: Path | None = None
) -> None:
    """Wait until somebody listens on a port; fails with the log where the process ends first."""
    until = time.monotonic() + PATIENCE_S
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        said = log.read_text(errors="replace")[-4000:] if log else ""
        assert process is None or process.poll() is None, f"it ended: {said}"
        assert time.monotonic() < until, f"nobody listens on {port}: {said}"
        time.sleep(0.02)


@contextlib.contextmanager
def process(
    command: Sequence[object], port: int, log: Path, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that listens on a port, ended at the end."""
    with log.open("ab") as out:
        running = subprocess.Popen([*map(str, command)], stdout=out, stderr=out, env=env)
    try:
        answering(port, running, log)
        yield running
    finally:
        end(running)


def end(running: subprocess.Popen[bytes]) -> None:
    """End a process, by force where it will not."""
    if running.poll() is None:
        running.send_signal(signal.SIGTERM)
        try:
            running.wait(10)
        except subprocess.TimeoutExpired:
            running.kill()
    running.wait()


@contextlib.contextmanager
def serving(app: Any, port: int = 0, **options: Any) -> Iterator[str]:
    """An ASGI application behind real HTTP, from a thread of this process; its URL."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(1024)
        options = {"log_level": "critical", "lifespan": "off", "ws": "none", **options}
        server = uvicorn.Server(uvicorn.Config(app, **options))
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        loop = asyncio.new_event_loop()

        def run() -> None:
            asyncio.set_event_loop(loop)
            loop.run_until_complete(server.serve(sockets=[listener]))
            loop.close()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        port = listener.getsockname()[1]
        try:
            answering(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive()


def eventually(true: Any, within_s: float = 10) -> None:
    """Wait for something to become true."""
    until = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < until, "it did not become so"
        time.sleep(0.02)
