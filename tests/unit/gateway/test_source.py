from collections.abc import Callable

import orjson
import pytest
from sqlalchemy import text

from stillwatch.errors import ConfigError, PeerError
from stillwatch.gateway.blocks import sealed
from stillwatch.gateway.follower import Follower
from stillwatch.gateway.knowledge import Behind, Change, Knowledge
from stillwatch.gateway.source import Bounds, HttpSource, StoreSource, source_of
from stillwatch.gateway.table import loaded
from stillwatch.store import decisions
from stillwatch.store.database import Store
from tests.decided import NOW, decided
from tests.unit.gateway.made import START, id_of, knowing, record
from tests.unit.gateway.streamer import Harm, streaming


def stream_of(knowledge: Knowledge) -> Knowledge:
    knowledge.apply([Change(2, id_of(2), record(2)), Change(3, id_of(1), None)], 3)
    return knowledge


def rewritten(change: Callable[[list[bytes]], list[bytes]]) -> Harm:
    """A body whose lines were changed by whoever could make a digest, too."""
    return lambda body: b"".join(sealed(change(body.splitlines()[:-1])))


HEAD = orjson.dumps({"seq": 3, "now": START, "startup": False})


def test_a_gateway_is_asked_for_everything_and_then_for_what_came_since() -> None:
    with streaming(stream_of(knowing(record(1), record(9)))) as streamer:
        source = HttpSource(streamer.url + "/", "secret")
        seq, now, blocks = source.startup()
        table = loaded(blocks)
        assert (seq, now, len(table)) == (3, START, 2)
        assert source.changes(3, 0) == (3, START, [])
        seq, _, changes = source.changes(1, 0)
        assert [(change.id, change.record) for change in changes] == [
            (id_of(2), record(2)),
            (id_of(1), None),
        ]
        with pytest.raises(Behind):
            source.changes(4, 0)
        source.close()
    assert streamer.asked[0] == ("/v1/decisions/stream", "Bearer secret")
    assert streamer.asked[1][0] == "/v1/decisions/stream?since=3&wait=0"


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda _: b"", "cut short"),
        (lambda body: body[:-1000], "cut short"),
        (lambda body: body[: body.index(b'{"end"')], "cut short"),
        (lambda body: body.replace(b"account-9", b"account-8"), "SHA-256"),
        (lambda body: body + b"{}\n", "follows"),
        (lambda _: b"<html>" * 100, "cut short|begin"),
        (lambda _: b"\n" * 100, "begin|cut short"),
        (rewritten(lambda lines: lines[1:]), "begin"),
        (rewritten(lambda _: []), "begin"),
        (rewritten(lambda lines: [HEAD, *lines[1:]]), "changes where everything"),
        (rewritten(lambda lines: [*lines, b"[]"]), "line 3"),
        (rewritten(lambda lines: [lines[0].replace(b'"seq":3', b'"seq":-1')]), "begin"),
        (rewritten(lambda _: [b'{"seq":3,"now":NaN,"startup":true}']), "begin"),
        (rewritten(lambda _: [b'{"seq":3,"now":1e300,"startup":true}']), "begin"),
    ],
)
def test_of_a_harmed_body_nothing_is_used(harm: Harm, words: str) -> None:
    with streaming(stream_of(knowing(record(1), record(9)))) as streamer:
        streamer.harm = harm
        source = HttpSource(streamer.url)
        with pytest.raises(PeerError, match=words):
            loaded(source.startup()[2])
        source.close()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"{}", "neither"),
        (b"[]", "no object"),
        (b'{"drop": 7}', "neither"),
        (b'{"drop": "a", "put": {}}', "neither"),
        (b'{"put": {}}', "id"),
        (b'{"put": {"id": 7}}', "id"),
    ],
)
def test_of_changes_that_cannot_be_used_none_is(line: bytes, words: str) -> None:
    with streaming(stream_of(knowing())) as streamer:
        streamer.harm = rewritten(lambda _: [HEAD, line])
        source = HttpSource(streamer.url)
        with pytest.raises(PeerError, match=f"line 2 of the answer.*{words}"):
            source.changes(1, 0)
        source.close()


def test_a_connection_that_ends_early_is_an_error_that_says_so() -> None:
    with streaming(stream_of(knowing(record(1)))) as streamer:
        streamer.cut = True
        source = HttpSource(streamer.url)
        with pytest.raises(PeerError, match="did not answer"):
            loaded(source.startup()[2])
        source.close()
    with pytest.raises(PeerError, match="did not answer"):
        HttpSource(streamer.url).startup()


@pytest.mark.parametrize(
    ("status", "words"),
    [(302, "redirects are not followed"), (401, "token"), (403, "token"), (404, "gateway"), (503, "again")],
)  # fmt: skip
def test_what_is_no_answer_is_said_with_what_to_do(status: int, words: str) -> None:
    with streaming(knowing(record(1))) as streamer:
        streamer.status = status
        source = HttpSource(streamer.url, "secret")
        with pytest.raises(PeerError, match=words) as caught:
            source.startup()
        assert str(status) in caught.value.message
        assert "secret" not in str(caught.value)
        assert len(streamer.asked) == 1
        source.close()


def test_answers_are_bounded() -> None:
    with streaming(stream_of(knowing(*(record(n) for n in range(50))))) as streamer:
        source = HttpSource(streamer.url, bounds=Bounds(line=1000))
        with pytest.raises(PeerError, match="line of more than 1,000"):
            loaded(source.startup()[2])
        source.close()
        source = HttpSource(streamer.url, bounds=Bounds(changes=1))
        with pytest.raises(PeerError, match="more than 1 changes"):
            source.changes(1, 0)
        source.close()


@pytest.mark.parametrize("url", ["http://", "ftp://a", "https://user:secret@a", "gateway"])
def test_an_address_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        HttpSource(url)
    assert "secret" not in str(caught.value)


def test_a_token_leaves_no_other_machine_unprotected() -> None:
    with pytest.raises(ConfigError, match="unprotected"):
        HttpSource("http://gateway.example.com", "secret")
    HttpSource("http://gateway.example.com").close()
    HttpSource("https://gateway.example.com", "secret").close()


def test_the_url_says_what_a_source_is() -> None:
    assert isinstance(source_of("https://gateway.example.com"), HttpSource)
    store = source_of("postgresql://ann:secret@db.example.com/share")
    assert isinstance(store, StoreSource)
    assert store.name == "postgresql://db.example.com/share"
    with pytest.raises(ConfigError):
        source_of("::")


def test_a_database_that_is_not_there_is_said_without_its_password() -> None:
    source = StoreSource("postgresql://ann:secret@127.0.0.1:1/share")
    with pytest.raises(PeerError, match="cannot be opened") as caught:
        source.changes(1, 0)
    assert "secret" not in str(caught.value)


def test_a_row_that_cannot_be_used_costs_a_gateway_no_other(database_url: str) -> None:
    store = Store(database_url)
    made = [decided(value) for value in "abc"]
    with store.begin() as connection:
        decisions.add(connection, made, by="ann", now=NOW)
        spoil = text("update decisions set rest = '{}' where value = 'b'")
        connection.execute(spoil)
    source = StoreSource(database_url, wall=NOW.timestamp)
    (block,) = source.startup()[2]
    assert sorted(block.values) == ["a", "c"]
    assert len(block.wrong) == 1
    assert made[1].id in block.wrong[0]
    assert "rest of row" in block.wrong[0]
    source.close()
    store.close()


def test_a_decision_of_a_version_to_come_is_left_out_and_those_after_it_are_known(
    caplog: pytest.LogCaptureFixture,
) -> None:
    first = knowing(*(record(n, until=4_000_000_000) for n in range(3)))
    with streaming(first) as streamer:
        streamer.harm = rewritten(
            lambda lines: [lines[0], lines[1].replace(b'"block"', b'"delay"', 1)]
        )
        follower = Follower(HttpSource(streamer.url), wait_s=0)
        follower.step()
        assert len(follower.knowledge.table) == 2
        assert follower.counts.unusable == 1
        streamer.harm = rewritten(
            lambda lines: [lines[0], lines[1].replace(b'"block"', b'"delay"', 1), *lines[2:]]
        )
        later = [Change(n, id_of(n), record(n, until=4_000_000_000)) for n in (7, 8)]
        first.apply(later, 8)
        follower.step()
        assert len(follower.knowledge.table) == 3
        assert follower.counts.unusable == 2
        assert follower.knowledge.seq == 8
        assert follower.counts.failures == 0
        assert caplog.text.count("not in force") == 2
        follower.source.close()
