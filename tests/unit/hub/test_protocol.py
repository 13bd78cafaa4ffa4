"""What may pile up on a connection before anybody is known, over real sockets."""

import asyncio
from collections.abc import Awaitable, Callable

import orjson
import uvicorn
from uvicorn.server import ServerState

from stillwatch.hub.limits import Limits
from stillwatch.hub.protocol import Protocol, _peer_of

FIVE = [(b"content-length", b"5")]
MOST = Limits().head_length
GET = b"GET / HTTP/1.1\r\nHost: hub\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: hub\r\nTransfer-Encoding: chunked\r\n\r\n"


class Hasty(Protocol):
    """Waits for nobody."""

    head_seconds = 0.05


async def _app(_scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": FIVE})
    await send({"type": "http.response.body", "body": b"heard"})


async def _early(_scope, _receive, send):
    await send({"type": "http.response.start", "status": 401, "headers": []})
    await send({"type": "http.response.body", "body": b"who?"})


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bytes]]


def _told(talk: Talk, kind=Protocol, app=_app) -> bytes:
    """What a server says to a client until the connection ends."""

    async def run() -> bytes:
        config = uvicorn.Config(app, ws="none", lifespan="off", log_level="critical")
        loop, state = asyncio.get_running_loop(), ServerState()
        server = await loop.create_server(lambda: kind(config, state, {}), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        try:
            return await asyncio.wait_for(talk(reader, writer), 60)
        finally:
            writer.close()
            server.close()

    return asyncio.run(run())


def _sends(*parts: bytes, drip: bytes = b"") -> Talk:
    async def talk(reader, writer):
        async def send() -> None:
            for part in parts:
                writer.write(part)
                await writer.drain()
            while drip:
                writer.write(drip)
                await writer.drain()
                await asyncio.sleep(0)

        sending = asyncio.create_task(send())
        heard = b""
        try:
            while piece := await reader.read(1 << 16):
                heard += piece
        except ConnectionError:
            pass  # it ended while we were sending
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        return heard

    return talk


def _is_refused(heard: bytes, status: int) -> None:
    head, _, body = heard.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"content-type: application/taxii+json;version=2.1" in head
    assert b"connection: close" in head
    assert orjson.loads(body)["http_status"] == str(status)


def test_a_head_of_the_maximum_is_read():
    line = b"X-A: " + b"a" * (MOST - 200) + b"\r\n"
    heard = _told(_sends(GET + line + b"Connection: close\r\n\r\n"))
    assert heard.endswith(b"heard")


def test_a_longer_head_is_refused():
    line = b"X-A: " + b"a" * MOST + b"\r\n\r\n"
    _is_refused(_told(_sends(GET + line)), 431)


def test_a_head_of_many_lines_is_refused():
    lines = b"".join(b"X-%d: a\r\n" % number for number in range(MOST // 8))
    _is_refused(_told(_sends(GET + lines + b"\r\n")), 431)


def test_a_head_that_never_ends_is_refused():
    heard = _told(_sends(GET + b"X-A: ", drip=b"a" * 4096))
    assert heard[9:12] in (b"431", b"")  # nothing, where the reset overtook the answer


def test_a_trailer_that_never_ends_is_refused():
    assert b"HTTP/1.1 200" not in _told(_sends(CHUNKED + b"0\r\nX-A: ", drip=b"a" * 4096))


def test_a_body_of_any_length_is_no_head():
    piece = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
    head = CHUNKED.replace(b"Host", b"Connection: close\r\nHost")
    assert _told(_sends(head, *[piece] * 8, b"0\r\n\r\n")).endswith(b"heard")


def test_requests_follow_each_other():
    last = GET + b"Connection: close\r\n\r\n"
    assert _told(_sends((GET + b"\r\n") * 50 + last), Hasty).count(b"heard") == 51


def test_what_is_no_http_is_a_taxii_error():
    _is_refused(_told(_sends(b"nonsense\r\n\r\n")), 400)


def test_a_slow_head_is_refused():
    _is_refused(_told(_sends(GET + b"X-A: "), Hasty), 408)


def test_a_silent_connection_ends():
    assert _told(_sends(), Hasty) == b""


def test_a_slow_body_that_is_not_wanted_ends():
    heard = _told(_sends(CHUNKED, drip=b"1\r\na\r\n"), Hasty, _early)
    assert heard.startswith(b"HTTP/1.1 401")
    assert heard.count(b"HTTP/1.1") == 1


def test_blank_lines_keep_no_connection():
    heard = _told(_sends(GET + b"\r\n", drip=b"\r\n"), Hasty)
    assert heard.endswith(b"heard")


class Narrow(Protocol):
    """Has room for three, two of one peer."""

    most_connections = 3
    most_of_peer = 2


async def _ask(where, *, close: bool) -> tuple[bytes, asyncio.StreamWriter]:
    """What a new connection hears, and the connection; it has ended if ``close``."""
    reader, writer = await asyncio.open_connection(*where)
    writer.write(GET + (b"Connection: close\r\n\r\n" if close else b"\r\n"))
    heard = await reader.read() if close else await reader.readuntil(b"heard")
    if close:
        writer.close()
        await writer.wait_closed()
    return heard, writer


def _crowd(first: str, second: str, kind=Narrow) -> list[int]:
    """Statuses: two connections of the first peer stay, a third of it, then one of the second.

    Then one of the two leaves, and the first comes again.
    """

    async def run() -> list[int]:
        config = uvicorn.Config(_app, ws="none", lifespan="off", log_level="critical")
        loop, state = asyncio.get_running_loop(), ServerState()
        server = await loop.create_server(lambda: kind(config, state, {}), "0.0.0.0", 0)
        port = server.sockets[0].getsockname()[1]
        here, there = (first, port), (second, port)
        _, kept = await _ask(here, close=False)
        _, leaving = await _ask(here, close=False)
        told = [(await _ask(here, close=True))[0], (await _ask(there, close=True))[0]]
        leaving.write(GET + b"Connection: close\r\n\r\n")
        while not state.connections or len(state.connections) > 1:
            await asyncio.sleep(0)
        told.append((await _ask(here, close=True))[0])
        for writer in (kept, leaving):
            writer.close()
            await writer.wait_closed()
        server.close()
        await server.wait_closed()
        return [int(heard[9:12]) for heard in told]

    return asyncio.run(asyncio.wait_for(run(), 60))


def test_one_peer_does_not_hold_all_connections(monkeypatch):
    # every connection of this test comes from 127.0.0.1: the port tells the second peer
    assert _crowd("127.0.0.1", "127.0.0.1") == [503, 503, 200]
    monkeypatch.setattr("stillwatch.hub.protocol._peer_of", lambda client: str(client[1] % 10**6))
    assert _crowd("127.0.0.1", "127.0.0.1") == [200, 200, 200]


class Full(Protocol):
    """Has room for two, whoever comes."""

    most_connections = 2


def test_a_full_worker_says_so():
    assert _crowd("127.0.0.1", "127.0.0.1", Full) == [503, 503, 200]


def test_a_peer_is_an_address_or_a_network_of_one_customer():
    assert _peer_of(("192.0.2.7", 1)) == _peer_of(("192.0.2.7", 2)) != _peer_of(("192.0.2.8", 1))
    assert _peer_of(("2001:db8::1", 1)) == _peer_of(("2001:db8::ffff%eth0", 1))
    assert _peer_of(("2001:db8::1", 1)) != _peer_of(("2001:db8:0:1::1", 1))
