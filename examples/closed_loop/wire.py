"""A relay on loopback that keeps what it carries, as someone on the network would."""

import socket
import threading
from contextlib import suppress
from pathlib import Path


class Wire:
    """Relays connections to a port and writes both directions to one file."""

    def __init__(self, port: int, kept: Path) -> None:
        self._onward = port
        self._kept = kept.open("ab")
        self._lock = threading.Lock()
        self._pairs: dict[threading.Thread, tuple[socket.socket, socket.socket]] = {}
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no more connections and end those there are; what was kept is on disk."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()
        with self._lock:
            pairs = dict(self._pairs)
        for thread, pair in pairs.items():
            for one in pair:
                _end(one)
            thread.join()
        self._kept.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._socket.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._onward))
            except OSError:
                near.close()
                continue
            thread = threading.Thread(target=self._relay, args=(near, far), daemon=True)
            with self._lock:
                self._pairs[thread] = (near, far)
            thread.start()

    def _relay(self, near: socket.socket, far: socket.socket) -> None:
        with near, far:
            for one in (near, far):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=self._carry, args=(far, near), daemon=True)
            back.start()
            self._carry(near, far)
            back.join()
        with self._lock:
            del self._pairs[threading.current_thread()]

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(1 << 16):
                with self._lock:
                    self._kept.write(data)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            _end(source)
            _end(target)


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
