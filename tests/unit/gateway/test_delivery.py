"""Who hangs up before the answer keeps no place: real sockets, closed as clients close them."""

import socket
import struct

import pytest

from stillwatch.gateway.delivery import FRESH_S, Deliveries
from stillwatch.gateway.limits import Limits
from tests.gateways import gateway
from tests.servers import eventually
from tests.unit.gateway.made import knowing, record
from tests.unit.gateway.test_connection import post

BOUND = record(8, effect="throttle", rate={"concurrency": 2})
RESET = struct.pack("ii", 1, 0)


@pytest.fixture(params=["decide", "envoy", "nginx"])
def asked(request, tmp_path):
    """A gateway, and a request that takes a place there."""
    with gateway(tmp_path, knowing(BOUND), limits=Limits(reader_seconds=0.3)) as up:
        decide = post(up, "account-8")
        get = b"GET /%b HTTP/1.1\r\nhost: x\r\nx-stillwatch-token: %b\r\nx-account-id: account-8\r\n\r\n"
        path = {"envoy": b"envoy/v1/chat", "nginx": b"nginx"}.get(request.param)
        yield up, get % (path, up.token().encode()) if path else decide


def opened(up):
    return socket.create_connection(("127.0.0.1", up.port), timeout=10)


def given_back(up, count=1):
    eventually(lambda: len(up.throttles.released) >= count)
    assert len(up.throttles.released) == count
    assert up.figures.total("undelivered_total") == count


def nothing_given_back(up):
    """After every connection has ended."""
    eventually(lambda: not up.open())
    assert up.throttles.released == []


def test_who_sends_a_request_and_is_gone_gives_its_place_back(asked):
    up, request = asked
    with opened(up) as gone:
        gone.sendall(request)
    given_back(up)


def test_who_resets_the_connection_gives_its_place_back(asked):
    up, request = asked
    with opened(up) as gone:
        gone.sendall(request)
        assert gone.recv(1, socket.MSG_PEEK)
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    given_back(up)


def test_who_ends_with_the_answer_unread_gives_its_place_back(asked):
    up, request = asked
    with opened(up) as gone:
        gone.sendall(request)
        assert gone.recv(1, socket.MSG_PEEK)
    given_back(up)


def test_an_answer_that_is_to_be_the_last_is_given_back_too(asked):
    up, request = asked
    last = request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
    with opened(up) as gone:
        gone.sendall(last)
    given_back(up)
    with opened(up) as gone:
        gone.sendall(last)
        assert gone.recv(1, socket.MSG_PEEK)
    given_back(up, 2)


def test_whole_answers_keep_their_places(asked):
    up, request = asked
    with opened(up) as kept:
        kept.sendall(request)
        assert b"x-stillwatch-lease" in kept.recv(65536)
    answer = up.raw(request)  # says at once that it sends no more, and reads
    assert b"x-stillwatch-lease" in answer
    last = request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
    assert b"x-stillwatch-lease" in up.raw(last, shut=False)
    nothing_given_back(up)


def test_who_is_gone_while_others_wait_gives_back_what_it_took(asked):
    up, request = asked
    with opened(up) as gone:
        gone.sendall(request * 5)
    given_back(up, 5)


def test_what_was_read_long_ago_is_not_taken_back():
    given = []
    deliveries = Deliveries(given.append)
    deliveries.sent("old", 0.0)
    deliveries.sent("new", FRESH_S)
    deliveries.failed(FRESH_S + 0.1)
    assert given == ["new"]
    deliveries.sent("old", 0.0)
    assert not deliveries.fresh(FRESH_S + 0.1)
    deliveries.failed(100.0, unsent=True)
    assert given == ["new", "old"]
    deliveries.sent("read", 0.0)
    deliveries.arrived()
    deliveries.failed(0.0)
    assert given == ["new", "old"]
