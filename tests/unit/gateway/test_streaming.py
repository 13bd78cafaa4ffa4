"""The stream that a gateway serves, read by the follower's own source."""

import socket
import threading

import pytest

from stillwatch.errors import PeerError
from stillwatch.gateway.follower import Follower
from stillwatch.gateway.knowledge import Behind, Change, Knowledge
from stillwatch.gateway.limits import Limits
from stillwatch.gateway.settings import Streaming
from stillwatch.gateway.source import HttpSource
from stillwatch.gateway.table import loaded
from stillwatch.gateway.tokens import Door
from tests.gateways import gateway, received
from tests.unit.gateway.made import id_of, knowing, record


@pytest.fixture
def source_of():
    opened = []

    def of(up, door=Door.STREAM):
        opened.append(HttpSource(up.url, up.token(door)))
        return opened[-1]

    yield of
    for one in opened:
        one.close()


def test_everything_in_force_then_what_came_since(tmp_path, source_of):
    records = [record(n) for n in range(25_000)]
    with gateway(tmp_path, knowing(*records)) as up:
        source = source_of(up)
        seq, _, blocks = source.startup()
        assert (seq, len(loaded(blocks))) == (1, 25_000)
        up.knowledge.apply([Change(2, id_of(1), None), Change(3, id_of(99_999), record(99_999))], 3)
        seq, _, changes = source.changes(1, 0)
        assert seq == 3
        assert [(c.id, c.record is None) for c in changes] == [
            (id_of(1), True),
            (id_of(99_999), False),
        ]
        assert source.changes(3, 0)[2] == []
        assert up.figures.total("requests_total", "stream", "200") == 3


def test_who_waits_is_told_as_soon_as_there_is_something(tmp_path, source_of):
    with gateway(tmp_path, knowing()) as up:
        source, found = source_of(up), []
        waiting = threading.Thread(target=lambda: found.append(source.changes(1, 30)))
        waiting.start()
        while not up.streams.readers:
            up.decide()
        up.knowledge.apply([Change(2, id_of(2), record(2))], 2)
        waiting.join(10)
        assert [change.id for change in found[0][2]] == [id_of(2)]


def test_a_wait_ends_with_nothing(tmp_path, source_of):
    with gateway(tmp_path, knowing(), streaming=Streaming(wait_s=0.05)) as up:
        assert source_of(up).changes(1, 5)[2] == []


@pytest.mark.parametrize("since", [0, 2, 2**63 - 1])
def test_who_is_elsewhere_in_the_stream_starts_anew(tmp_path, source_of, since):
    with gateway(tmp_path, knowing()) as up, pytest.raises(Behind):
        source_of(up).changes(since, 5)


def test_readers_are_bounded(tmp_path, source_of):
    with gateway(tmp_path, knowing(), streaming=Streaming(readers=1)) as up:
        waiting = threading.Thread(target=lambda: source_of(up).changes(1, 30))
        waiting.start()
        while not up.streams.readers:
            up.decide()
        with pytest.raises(PeerError, match="503"):
            source_of(up).changes(1, 5)
        up.knowledge.apply([Change(2, id_of(2), record(2))], 2)
        waiting.join(10)


def test_who_knows_nothing_tells_nothing(tmp_path, source_of):
    with gateway(tmp_path, Knowledge()) as up, pytest.raises(PeerError, match="503"):
        source_of(up).startup()


def test_another_token_does_not_read_it(tmp_path, source_of):
    with gateway(tmp_path, knowing()) as up, pytest.raises(PeerError, match="401"):
        source_of(up, Door.DECIDE).startup()


@pytest.mark.parametrize(
    "query",
    ["since=-1", "since=x", "since=1&since=1", "wait=nan", "wait=-1", "wait=9999", "after=1", "since=" + "9" * 30],
)  # fmt: skip
def test_a_query_that_cannot_be_used_is_told(tmp_path_factory, query):
    with gateway(tmp_path_factory.mktemp("gw"), knowing()) as up, up.client(Door.STREAM) as client:
        assert client.get(f"/v1/decisions/stream?{query}").status_code == 400


def test_http_1_0_reads_to_the_end_of_the_connection(tmp_path):
    with gateway(tmp_path, knowing(record(1))) as up:
        answer = up.raw(
            b"GET /v1/decisions/stream HTTP/1.0\r\nAuthorization: Bearer %b\r\n\r\n"
            % up.token(Door.STREAM).encode(),
            shut=False,
        )
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert len(body.splitlines()) == 3


def test_who_follows_is_as_old_as_both_together(tmp_path, source_of):
    with gateway(tmp_path, knowing(record(1))) as up:
        up.knowledge.apply([], 1, age_s=500.0)
        follower = Follower(source_of(up))
        follower.step()
        assert 500 <= follower.knowledge.age_s() < 600
        up.knowledge.apply([], 1)
        up.knowledge.apply([Change(2, id_of(2), record(2))], 2)
        follower.step()
        assert follower.knowledge.age_s() < 100
        assert follower.knowledge.seq == 2


def test_a_reader_who_takes_nothing_is_not_waited_for(tmp_path):
    records = [record(n, reason="r" * 900 + str(n)) for n in range(20_000)]
    with gateway(tmp_path, knowing(*records), limits=Limits(reader_seconds=0.2)) as up:
        with socket.create_connection(("127.0.0.1", up.port), timeout=20) as opened:
            opened.sendall(
                b"GET /v1/decisions/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n\r\n"
                % up.token(Door.STREAM).encode()
            )
            while not up.streams.readers:
                up.decide()
            while up.streams.readers:
                up.decide()
            assert b'{"end"' not in received(opened)
        assert up.decide()["allowed"]
