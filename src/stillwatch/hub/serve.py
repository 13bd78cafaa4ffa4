"""Runs the hub: worker processes of uvicorn behind one port.

Rules: everything that can be wrong with the database or the key is found before a port is opened;
one line says where the hub listens once it does; a stop signal lets running requests end (what
was acknowledged is on disk anyway). Nothing but loopback is listened on unless the operator says
so, and then a warning asks for TLS in front: credentials travel in every request.
"""

import ipaddress
import os
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import uvicorn
from uvicorn.supervisors import Multiprocess

from stillwatch.errors import ConfigError
from stillwatch.hub.app import Settings, build, open_hub
from stillwatch.hub.metrics import FOLDER
from stillwatch.hub.protocol import Protocol

_BACKLOG: Final = 1024
_GRACE_S: Final = 20
_HEALTH_S: Final = 60
"""A worker that does not answer its parent for so long is replaced; a loaded machine is slow."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a hub listens."""

    host: str = "127.0.0.1"
    port: int = 8080
    """0 takes a free one."""
    workers: int = 1


class Factory:
    """Builds the application in a worker process; crosses to it by pickling."""

    def __init__(self, database: str, key_file: Path | None, title: str) -> None:
        self._database, self._key_file, self._title = database, key_file, title

    def __call__(self) -> Any:
        """The application of one worker."""
        return build(Settings(self._database, self._key_file, self._title))


class Server(uvicorn.Server):
    """A server for which being told to stop is no failure: its signals end with it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let SIGINT and SIGTERM stop the server, and nothing behind it."""
        before = {s: signal.signal(s, self.handle_exit) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def serve(
    database: str,
    place: Place,
    say: Callable[[str], None],
    *,
    key_file: Path | None = None,
    title: str,
) -> None:
    """Serve until a signal stops it; ``say`` is told where, once connections are taken.

    Raises ``StoredDataError`` or ``ConfigError`` if the database, the key or the place cannot be
    used.
    """
    open_hub(Settings(database, key_file)).close()
    listener = listen(place)
    config = uvicorn.Config(
        Factory(database, key_file, title),
        factory=True,
        workers=place.workers,
        log_level="warning",
        access_log=False,
        lifespan="on",
        ws="none",
        http=Protocol,
        backlog=_BACKLOG,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_S,
        timeout_worker_healthcheck=_HEALTH_S,
        h11_max_incomplete_event_size=64 * 1024,
    )
    say(_where(listener, place.workers))
    try:
        if place.workers == 1:
            Server(config).run(sockets=[listener])
        else:
            with _together():
                Multiprocess(config, sockets=[listener]).run()
    finally:
        listener.close()


@contextmanager
def _together() -> Iterator[None]:
    """Let the workers' figures be added up: each writes its own into one folder."""
    with tempfile.TemporaryDirectory(prefix="stillwatch-figures-") as folder:
        before = os.environ.get(FOLDER)
        os.environ[FOLDER] = before or folder
        try:
            yield
        finally:
            if before is None:
                del os.environ[FOLDER]


def listen(place: Place) -> socket.socket:
    """Take connections at a place. Raises ``ConfigError`` if that cannot be."""
    if place.workers < 1:
        raise ConfigError("--workers must be 1 or more", hint="2 a core is plenty")
    try:
        family = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)[0][0]
        # asyncio switches Nagle's algorithm off only where the socket says that it is TCP
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((place.host, place.port))
    except (OSError, OverflowError) as error:
        raise ConfigError(
            f"cannot listen on {place.host} port {place.port}: {error}",
            hint="choose another --port or --host",
        ) from error
    listener.listen(_BACKLOG)
    listener.set_inheritable(True)
    return listener


def _where(listener: socket.socket, workers: int) -> str:
    host, port = listener.getsockname()[:2]
    many = f"{workers} workers" if workers > 1 else "1 worker"
    said = f"hub listens on http://{shown(host)}:{port}/taxii2/ ({many})"
    if ipaddress.ip_address(host).is_loopback:
        return said
    return f"{said}; not loopback: put TLS in front, tokens travel in every request"


def shown(host: str) -> str:
    """An address as it stands in a URL."""
    return f"[{host}]" if ":" in host else host
