"""HTTP/1.1 on a connection, with bytes as no client library would send them."""

import asyncio
import socket
import threading
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stillwatch.gateway.limits import Limits
from stillwatch.gateway.service import Screened
from stillwatch.gateway.table import Request
from stillwatch.gateway.tokens import Door
from tests.gateways import gateway, received
from tests.unit.gateway.made import knowing, record

QUICK = Limits(
    head_bytes=4096, head_seconds=0.15, body_seconds=0.15, idle_seconds=1, body_bytes=2048,
    connections=8,
)  # fmt: skip


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    limits = Limits(head_bytes=4096, body_bytes=2048)
    with gateway(tmp_path_factory.mktemp("gw"), knowing(record(1)), limits=limits) as up:
        yield up


def post(up, account="account-1", extra=b"", version=b"1.1", path=b"/v1/decide"):
    body = b'{"account": "%b"}' % account.encode()
    return (
        b"POST %b HTTP/%b\r\nHost: x\r\nAuthorization: Bearer %b\r\nContent-Length: %d\r\n%b\r\n%b"
        % (path, version, up.token().encode(), len(body), extra, body)
    )


def statuses(answer):
    return [int(part.split(b" ", 1)[0]) for part in answer.split(b"HTTP/1.1 ")[1:]]


def test_answers_come_in_the_order_of_requests(served):
    accounts = [f"account-{n % 3}" for n in range(200)]
    answer = served.raw(b"".join(post(served, one) for one in accounts))
    said = [b'"allowed":false' in part for part in answer.split(b"HTTP/1.1 200")[1:]]
    assert said == [one == "account-1" for one in accounts]


def test_a_request_may_come_byte_by_byte(served):
    answer = served.raw(*(bytes([one]) for one in post(served)))
    assert b'"allowed":false' in answer


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cuts=st.lists(st.integers(0, 800), max_size=6))
def test_where_the_bytes_are_cut_does_not_matter(served, cuts):
    whole = post(served) + post(served, "other") + post(served)
    places = [0, *sorted(cut for cut in cuts if cut < len(whole)), len(whole)]
    parts = [whole[a:b] for a, b in pairwise(places)]
    answer = served.raw(*(part for part in parts if part))
    said = [b'"allowed":false' in part for part in answer.split(b"HTTP/1.1 200")[1:]]
    assert said == [True, False, True]


def test_http_1_0_ends_with_its_answer_unless_it_asks_otherwise(served):
    answer = served.raw(post(served, version=b"1.0") * 2, shut=False)
    assert statuses(answer) == [200]
    assert b"connection: close" in answer
    kept = served.raw(post(served, version=b"1.0", extra=b"Connection: keep-alive\r\n") * 2)
    assert statuses(kept) == [200, 200]
    assert kept.count(b"connection: keep-alive") == 2


def test_close_is_heard(served):
    answer = served.raw(post(served, extra=b"Connection: close\r\n") * 3, shut=False)
    assert statuses(answer) == [200]


@pytest.mark.parametrize("trailer", [b"", b"X-After: 1\r\n"])
def test_a_body_may_come_in_chunks(served, trailer):
    head = post(served).partition(b"Content-Length")[0] + b"Transfer-Encoding: chunked\r\n\r\n"
    body = b'6;x=y\r\n{"acco\r\n12\r\nunt": "account-1"}\r\n0\r\n' + trailer + b"\r\n"
    answer = served.raw(head + body + post(served, "other"))
    assert statuses(answer) == [200, 200]
    assert b'"allowed":false' in answer.partition(b"HTTP/1.1 200")[2].partition(b"HTTP/1.1 200")[0]


def test_who_expects_to_be_told_to_go_on_is(served):
    whole = post(served, extra=b"Expect: 100-continue\r\n")
    head, _, body = whole.partition(b"\r\n\r\n")
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as opened:
        opened.sendall(head + b"\r\n\r\n")
        assert opened.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        opened.sendall(body)
        opened.shutdown(socket.SHUT_WR)
        assert statuses(received(opened)) == [200]


def test_what_is_too_large_is_not_asked_for(served):
    head = post(served, extra=b"Expect: 100-continue\r\n").partition(b"\r\n\r\n")[0]
    head = head.replace(b"Content-Length: ", b"Content-Length: 99999")
    answer = served.raw(head + b"\r\n\r\n", shut=False)
    assert statuses(answer) == [413]


HEAD = b"POST /v1/decide HTTP/1.1\r\nHost: x\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX-A\x00: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX-A: b\x00\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        (b"G\xffT / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}   ", 400),
        (HEAD + b"Content-Length: -1\r\n\r\n", 400),
        (HEAD + b"Content-Length: 1e3\r\n\r\n", 400),
        (HEAD + b"Content-Length: 18446744073709551617\r\n\r\n", 400),
        (HEAD + b"Transfer-Encoding: chunked, gzip\r\n\r\n", 400),
        (CHUNKED + b"zz\r\n", 400),
        (CHUNKED + b"5\r\n{}   x", 400),
        (HEAD + b"Expect: a-miracle\r\nContent-Length: 2\r\n\r\n{}", 417),
        (HEAD + b"Content-Length: 9999\r\n\r\n", 413),
        (CHUNKED + (b"400\r\n" + b" " * 0x400 + b"\r\n") * 3, 413),
        (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: yyyyyyyy\r\n" * 500 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 200_000, 431),
        (CHUNKED + b"1;" + b"e" * 200_000, 431),
        (CHUNKED + b"0\r\nX: " + b"y" * 200_000, 431),
    ],
)
def test_what_is_no_request_is_told_once_and_ends(served, sent, status):
    answer = served.raw(sent, shut=False)
    assert statuses(answer) == [status]
    assert b"connection: close" in answer
    assert served.decide(account="account-1")["status"] == 403


@settings(max_examples=60, deadline=None)
@given(noise=st.binary(min_size=1, max_size=400))
def test_noise_ends_no_worker(served, noise):
    served.raw(noise)
    served.raw(post(served)[:40] + noise)
    assert served.decide(account="account-1")["status"] == 403


@pytest.mark.parametrize(
    "extra",
    [
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n",
    ],
)
def test_an_offer_of_another_protocol_is_passed_over(served, extra):
    answer = served.raw(post(served, extra=extra) + post(served, "other") + post(served))
    assert statuses(answer) == [200, 200, 200]
    assert answer.count(b'"allowed":false') == 2


def test_many_offers_are_passed_over_one_after_the_other(served):
    offer = post(served, extra=b"Connection: Upgrade\r\nUpgrade: h2c\r\n")
    assert statuses(served.raw(offer * 1500)) == [200] * 1500


def test_a_tunnel_is_not_opened(served):
    answer = served.raw(b"CONNECT a.example.com:443 HTTP/1.1\r\nHost: a\r\n\r\n")
    assert statuses(answer) == [405]


def test_a_target_may_be_absolute(served):
    answer = served.raw(post(served, path=b"http://x.example.com/v1/decide?a=b"))
    assert statuses(answer) == [200]


def test_a_head_is_answered_without_a_body(served):
    answer = served.raw(b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
    assert statuses(answer) == [200, 200]
    assert answer.endswith(b"\r\n\r\n")
    assert b"content-length: 15" in answer


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\nX", [408]),
        (HEAD + b"Content-Length: 10\r\n\r\n{", [408]),
        (b"", []),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET", [200, 408]),
    ],
)
def test_who_is_slow_is_not_waited_for(tmp_path, sent, status):
    with gateway(tmp_path, knowing(), limits=QUICK) as up:
        assert statuses(up.raw(sent, shut=False)) == status


def test_drops_do_not_keep_a_head_alive(tmp_path):
    with (
        gateway(tmp_path, knowing(), limits=QUICK) as up,
        socket.create_connection(("127.0.0.1", up.port), timeout=10) as opened,
    ):
        opened.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
        opened.settimeout(0.01)
        answer, drops = b"", 0
        while b"\r\n\r\n" not in answer:
            try:
                answer += opened.recv(1000)
            except TimeoutError:
                opened.sendall(b"X: y\r\n")
                drops += 1
        assert statuses(answer) == [408]
        assert drops < 100


def test_there_is_room_for_so_many_connections(tmp_path):
    with gateway(tmp_path, knowing(), limits=QUICK) as up:
        held = [
            socket.create_connection(("127.0.0.1", up.port), timeout=10)
            for _ in range(QUICK.connections)
        ]
        answer = up.raw(b"", shut=False)
        assert statuses(answer) == [503]
        for one in held:
            one.close()


class Slow:
    """Screens when the test says so."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()

    async def screen(self, body: bytes) -> Screened:
        self.begun.set()
        await asyncio.to_thread(self.go_on.wait, 10)
        return Screened(200, {"got": body.decode()}, Request())

    def close(self) -> None:
        pass


def test_what_comes_behind_a_slow_answer_waits_for_its_turn(tmp_path):
    slow = Slow()
    with gateway(tmp_path, knowing(record(1)), screening=slow) as up:
        slow_one = post(up, path=b"/v1/screen").replace(
            up.token().encode(), up.token(Door.SCREEN).encode()
        )
        with socket.create_connection(("127.0.0.1", up.port), timeout=10) as opened:
            opened.sendall(slow_one + post(up) * 5 + post(up, "other"))
            opened.shutdown(socket.SHUT_WR)
            assert slow.begun.wait(10)
            assert up.decide(account="account-1")["status"] == 403
            slow.go_on.set()
            answer = received(opened)
        assert statuses(answer) == [200] * 7
        assert answer.index(b'"got"') < answer.index(b'"allowed":false')
        assert b'"allowed":true' in answer.rpartition(b"HTTP/1.1 ")[2]


def test_too_much_behind_a_slow_answer_is_left_to_be_sent_again(tmp_path):
    slow = Slow()
    with gateway(tmp_path, knowing(record(1)), screening=slow) as up:
        slow_one = post(up, path=b"/v1/screen").replace(
            up.token().encode(), up.token(Door.SCREEN).encode()
        )
        with socket.create_connection(("127.0.0.1", up.port), timeout=10) as opened:
            opened.sendall(slow_one + post(up) * 100)
            assert slow.begun.wait(10)
            slow.go_on.set()
            answer = received(opened)
        assert 1 < len(statuses(answer)) < 101
        last = answer.rpartition(b"HTTP/1.1 ")[2]
        assert b"connection: close" in last


def test_who_goes_away_while_waiting_is_forgotten(tmp_path):
    with gateway(tmp_path, knowing()) as up:
        token = up.token(Door.STREAM).encode()
        with socket.create_connection(("127.0.0.1", up.port), timeout=10) as opened:
            opened.sendall(
                b"GET /v1/decisions/stream?since=1&wait=30 HTTP/1.1\r\nHost: x\r\n"
                b"Authorization: Bearer %b\r\n\r\n" % token
            )
            while not up.streams.readers:
                up.decide()
        while up.streams.readers:
            up.decide()
        assert up.decide()["allowed"]


def test_an_error_of_the_service_is_a_500_and_no_more(tmp_path, caplog):
    with gateway(tmp_path, knowing()) as up, up.client() as client:
        up.live.reader = None
        assert client.get("/nginx").status_code == 500
        assert client.post("/v1/decide", json={}).status_code == 200
    assert "an error of the service" in caplog.text
