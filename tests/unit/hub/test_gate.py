"""The gate by itself: what it lets through to an application that echoes bodies."""

import asyncio

import pytest

from stillwatch.hub import gate as gates
from stillwatch.hub.auth import Authenticator
from stillwatch.hub.gate import Gate, Rate
from stillwatch.hub.limits import Limits
from tests.hubs import people, serving

LIMITS = Limits(content_length=100, query_length=20, requests_per_minute=3)


async def echo(_scope, receive, send):
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def ask(*parts, headers=(), query=b"", app=echo):
    """Status, headers and body for a request that comes in these parts; None: never."""
    sent, refused, waiting = [], [], iter(parts)

    async def receive():
        part = next(waiting)
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
    gate = Gate(app, None, Authenticator(), LIMITS, {"/free"}, lambda _, e: refused.append(e))
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


def test_a_body_that_does_not_come_is_408(monkeypatch):
    monkeypatch.setattr(gates, "_BODY_S", 0)
    status, _, body = ask(None)
    assert (status, b"did not come" in body) == (408, True)


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
