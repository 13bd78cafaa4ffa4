"""One connection: bounded in bytes and time, whatever the other side sends."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from stillwatch.errors import ConfigError, PeerError
from stillwatch.sharing.matching.wire import Address, Gone, Late, Line


@contextmanager
def saying(data: bytes, *, hold: threading.Event | None = None) -> Iterator[Address]:
    """A server that says these bytes to whoever connects, then closes (or holds on)."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1 << 16)
            connection.sendall(data)
            if hold is not None:
                hold.wait(30)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield Address.parse(f"http://127.0.0.1:{listener.getsockname()[1]}")
    finally:
        if hold is not None:
            hold.set()
        thread.join(30)
        listener.close()


def exchange(address: Address, most: int = 100, seconds: float = 30) -> tuple[int, bytes, bool]:
    line = Line(address, time.monotonic() + seconds)
    try:
        line.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", time.monotonic() + seconds)
        reply, again = line.receive(most, time.monotonic() + seconds)
    finally:
        line.close()
    return reply.status, reply.body, again


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n"


def test_an_answer_whole_and_whether_the_line_lives_on() -> None:
    with saying(OK + b"\r\nabc") as address:
        assert exchange(address) == (200, b"abc", True)
    with saying(OK + b"Connection: close\r\n\r\nabc") as address:
        assert exchange(address) == (200, b"abc", False)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", Gone),
        (OK + b"\r\nab", Gone),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n" + b"x" * 101, PeerError),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 40_000 + b"\r\n\r\n", PeerError),
        (b"SSH-2.0-nobody\r\n", PeerError),
        (OK + b"\r\nabc" + OK + b"\r\ndef", PeerError),
    ],
    ids=["nothing", "cut off", "too long", "long head", "no HTTP", "two answers"],
)
def test_other_answers_are_errors(data: bytes, error: type[Exception]) -> None:
    with saying(data) as address, pytest.raises(error):
        exchange(address)


def test_silence_ends_at_the_deadline() -> None:
    with saying(OK, hold=threading.Event()) as address, pytest.raises(Late):
        exchange(address, seconds=0.05)


@pytest.mark.parametrize(
    "url",
    [
        "http://evaluator.example", "ftp://127.0.0.1", "https://", "https://u:p@h.example",
        "https://h.example/?q=1", "https://h.example:99999", "https://h.example/a b",
    ],
)  # fmt: skip
def test_addresses_that_nothing_may_be_sent_to(url: str) -> None:
    with pytest.raises(ConfigError):
        Address.parse(url)


def test_the_authority_is_as_it_is_signed() -> None:
    assert Address.parse("https://h.example/x/").authority == "h.example"
    assert Address.parse("https://h.example:8443").authority == "h.example:8443"
    assert Address.parse("http://[::1]:80").authority == "[::1]"
    assert Address.parse("https://h.example/x/").path == "/x"
