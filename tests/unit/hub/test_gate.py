"""The gate by itself: what it lets through to an application that echoes bodies."""

import asyncio
import socket
from base64 import b64encode
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from stillwatch.hub import gate as gates
from stillwatch.hub.auth import Authenticator, Caller
from stillwatch.hub.errors import Problem
from stillwatch.hub.gate import Busy, Gate, Rate
from stillwatch.hub.limits import Limits
from tests.hubs import TAXII, people, serving

LIMITS = Limits(content_length=100, query_length=20, requests_per_minute=3)


async def echo(_scope, receive, send):
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def caller(member):
    return Caller(member, f"m{member}", "", "member", frozenset(), (), 0, "")


def ask(*parts, headers=(), query=b"", app=echo, limits=LIMITS, turns=0):
    """Status, headers and body for a request that comes in these parts; None: never."""
    sent, refused, waiting = [], [], iter(parts)

    async def receive():
        part = next(waiting)
        if part is not parts[0]:
            for _ in range(turns):  # of the loop, in which a timer can go off
                await asyncio.sleep(0)
        if part is None:
            await asyncio.Event().wait()
        return part

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "path": "/free",
        "query_string": query,
        "headers": [(b"host", b"hub.example"), *headers],
    }
    gate = Gate(app, None, Authenticator(), limits, {"/free"}, lambda _, e: refused.append(e))
    asyncio.run(gate(scope, receive, send))
    if not sent:
        return None, {}, b""
    told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    assert bool(refused) == (sent[0]["status"] != 200)
    return sent[0]["status"], told, b"".join(m["body"] for m in sent[1:])


def chunk(data, more=True):
    return {"type": "http.request", "body": data, "more_body": more}


def test_a_body_in_chunks_comes_through_whole_up_to_the_bound():
    assert ask(chunk(b"x" * 60), chunk(b"y" * 40, more=False))[::2] == (200, b"x" * 60 + b"y" * 40)


def test_chunks_are_counted_and_no_more_is_read_than_the_bound():
    status, _, body = ask(chunk(b"x" * 60), chunk(b"y" * 41))
    assert (status, b"longer than 100 bytes" in body) == (413, True)


@pytest.mark.parametrize("stated", [b"5", b"x", b"-1"])
def test_a_stated_length_does_not_stand_in_for_the_count(stated):
    headers = [(b"content-length", stated)]
    assert ask(chunk(b"x" * 60), chunk(b"y" * 60), headers=headers)[0] == 413


def test_a_length_that_is_stated_beyond_the_bound_is_refused_before_anything_is_read():
    assert ask(headers=[(b"content-length", b"101")])[0] == 413


@pytest.mark.parametrize(
    "limits",
    [
        replace(LIMITS, body_seconds=0),
        replace(LIMITS, body_grace_seconds=0),  # 60 bytes buy 60 / rate seconds
        replace(LIMITS, body_grace_seconds=0, body_rate=10**9),
    ],
)
def test_a_body_that_does_not_come_is_408(limits):
    status, _, body = ask(chunk(b"x" * 60), None, limits=limits)
    assert (status, b"did not come" in body) == (408, True)


def test_a_body_that_comes_buys_time_for_its_rest():
    """There is no grace, but 60 bytes at one byte an hour are good for days."""
    slow = replace(LIMITS, body_seconds=10**6, body_grace_seconds=0, body_rate=1 / 3600)
    parts = (chunk(b"x" * 60), chunk(b"", more=False))
    assert ask(*parts, limits=slow, turns=9)[0] == 200
    assert ask(*parts, limits=replace(slow, body_rate=10**12), turns=9)[0] == 408


def test_no_member_holds_all_of_a_worker():
    busy, alpha, beta = Busy(2), caller(1), caller(2)
    with busy.with_one_more(alpha), busy.with_one_more(alpha):
        with pytest.raises(Problem, match="are being served"), busy.with_one_more(alpha):
            raise AssertionError
        with busy.with_one_more(beta), busy.with_one_more(None), busy.with_one_more(None):
            pass
    with busy.with_one_more(alpha):
        pass


def test_a_member_that_holds_its_requests_open_is_429_and_others_are_served(
    made, database_url, key_file
):
    assert made.fresh
    limits = Limits(requests_at_once=2)
    with serving(people(database_url, key_file), limits) as hub:
        held = [_unfinished(hub, "alpha") for _ in range(2)]
        with hub.client("alpha") as client, hub.client("beta") as other:
            told = client.get("/api/")
            assert (told.status_code, told.headers["retry-after"]) == (429, "1")
            assert other.get("/api/").status_code == 200
        for one in held:
            one.close()


def test_a_slow_body_ends_with_408(made, database_url, key_file):
    assert made.fresh
    limits = Limits(body_grace_seconds=0)
    with (
        serving(people(database_url, key_file), limits) as hub,
        _unfinished(hub, "alpha", heard=False) as held,
        held.makefile("rb") as heard,
    ):
        assert heard.readline().startswith(b"HTTP/1.1 408 ")


def _unfinished(hub, name, *, heard=True):
    """A connection whose request has a head and a part of its body; the hub is reading the body."""
    where = urlsplit(hub.base)
    held = socket.create_connection((where.hostname, where.port), timeout=60)
    basic = b64encode(f"{name}:{hub.tokens[name]}".encode()).decode()
    expect = "Expect: 100-continue\r\n" if heard else ""
    head = (
        f"POST /api/collections/{hub.ids['all']}/objects/ HTTP/1.1\r\nHost: hub\r\n"
        f"Authorization: Basic {basic}\r\nContent-Type: {TAXII}\r\nAccept: {TAXII}\r\n"
        f"{expect}Content-Length: 100\r\n\r\n"
    )
    held.sendall(head.encode())
    if heard:  # it is told to go on when the application asks for the body
        assert held.recv(64).startswith(b"HTTP/1.1 100 ")
    held.sendall(b"{")
    return held


def test_a_query_beyond_the_bound_is_414():
    assert ask(chunk(b"", more=False), query=b"x" * 20)[0] == 200
    assert ask(chunk(b"", more=False), query=b"x" * 21)[0] == 414


def test_what_nobody_foresaw_is_500_and_told_to_nobody(caplog):
    async def broken(*_):
        raise RuntimeError("secret")

    status, _, body = ask(app=broken)
    assert (status, b"secret" in body) == (500, False)
    assert "secret" in caplog.text


def test_a_client_that_leaves_gets_no_answer():
    async def left(*_):
        raise gates.ClientDisconnect

    assert ask(app=left)[0] is None


def test_members_are_counted_apart_and_each_minute_anew():
    rate = Rate(2)
    assert [rate.wait(1, 60.0), rate.wait(1, 61.0), rate.wait(2, 62.0)] == [0, 0, 0]
    assert rate.wait(1, 70.0) == 50
    assert rate.wait(2, 70.0) == 0
    assert rate.wait(1, 120.0) == 0


def test_one_request_too_many_is_429_with_the_time_to_wait(made, database_url, key_file):
    assert made.fresh
    limits = Limits(requests_per_minute=1)
    with serving(people(database_url, key_file), limits) as hub, hub.client("alpha") as client:
        told = [client.get("/api/") for _ in range(3)]
        # a minute may have begun in between
        refused = [answer for answer in told if answer.status_code != 200]
        assert refused
        for answer in refused:
            assert answer.status_code == 429
            assert 1 <= int(answer.headers["retry-after"]) <= 60
        with hub.client("beta") as other:
            assert other.get("/api/").status_code == 200
