import random
import stat
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.domain.decision import Decision
from stillwatch.errors import PeerError
from stillwatch.gateway import snapshot
from stillwatch.gateway.blocks import Block, sealed
from stillwatch.gateway.follower import Follower
from stillwatch.gateway.knowledge import Behind, Change, Knowledge
from stillwatch.gateway.source import HttpSource, Since, Startup, StoreSource, identity
from stillwatch.gateway.table import Request
from stillwatch.store import decisions
from stillwatch.store.database import Store
from tests.databases import postgresql
from tests.decided import NOW, decided
from tests.unit.gateway.made import Hands, id_of, knowing, record
from tests.unit.gateway.relay import relaying
from tests.unit.gateway.streamer import streaming

AT = NOW.timestamp()


def add(store: Store, *made: Decision) -> None:
    with store.begin() as connection:
        decisions.add(connection, made, by="ann", now=NOW)


def lift(store: Store, id_: str) -> None:
    with store.begin() as connection:
        decisions.lift(connection, id_, by="ann", reason="wrong", now=NOW)


def known(knowledge: Knowledge) -> dict[str, dict[str, Any]]:
    """Everything a gateway would say."""
    found = {}
    for block in knowledge.table.blocks():
        for row, id_ in enumerate(block["id"]):
            said = {name: block[name][row] for name in block if name != "rest"}
            found[id_] = Decision.of(said | orjson.loads(block["rest"][row])).record()
    return found


def standing(store: Store) -> dict[str, dict[str, Any]]:
    with store.begin() as connection:
        kept = decisions.listed(connection, state="standing", limit=1000, after=None)
    return {one.decision.id: one.decision.record() for one in kept}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path / 'share.db'}")
    yield opened
    opened.close()


class Faulty:
    """A real source behind which things break: before it is asked, or on the way back."""

    pushes = False
    age_s = 0.0

    def __init__(self, source: StoreSource, faults: Iterator[int]) -> None:
        self._source, self._faults = source, faults
        self.name = source.name

    def startup(self) -> Startup:
        self._break()
        seq, now, blocks = self._source.startup()
        return seq, now, self._broken(blocks)

    def changes(self, since: int, wait_s: float) -> Since:
        self._break()
        seq, now, changes = self._source.changes(since, wait_s)
        self._break()
        if changes and next(self._faults, 0) == 2:  # an answer that holds a part only
            changes = changes[: (len(changes) + 1) // 2]
            seq = changes[-1].seq
        return seq, now, changes

    def close(self) -> None:
        self._source.close()

    def _broken(self, blocks: Generator[Block, None, None]) -> Generator[Block, None, None]:
        for block in blocks:
            self._break()
            yield block
        self._break()

    def _break(self) -> None:
        fault = next(self._faults, 0)
        if fault == 1:
            raise PeerError("the network is gone")
        if fault == 3:
            raise MemoryError
        if fault == 4:
            raise Behind


Step = tuple[str, int]


STEPS = st.tuples(
    st.sampled_from(["add", "add", "lift", "undo", "step", "step", "restart"]), st.integers(0, 5)
)


def test_no_change_is_ever_lost(tmp_path: Path, store: Store) -> None:
    """A real store, a source that fails at any place, gateways that restart from snapshots."""
    hands, made, kept = Hands(AT), list[Decision](), tmp_path / "snapshot"

    def begun(faults: Iterator[int]) -> Follower:
        source = Faulty(StoreSource(store.url, wall=lambda: hands.wall), faults)
        return Follower(source, kept, snapshot_s=0, clock=hands.clock())

    def decide(name: str, n: int) -> None:
        if name == "add":
            made.append(decided(f"v{n}", evidence=[f"finding:run/{n}"]))
            add(store, made[-1])
        elif name == "lift" and made:
            id_ = made.pop(n % len(made)).id
            if id_ in standing(store):
                lift(store, id_)
        elif name == "undo":
            with store.begin() as connection:
                decisions.undo(connection, f"finding:run/{n}", by="ann", reason="wrong", now=NOW)

    @settings(max_examples=40, deadline=None)
    @given(
        st.lists(STEPS, max_size=25),
        st.lists(st.sampled_from([0, 0, 0, 1, 2, 3, 4]), max_size=60),
    )
    def follows(steps: list[Step], faults: list[int]) -> None:
        script = iter(faults)
        follower = begun(script)
        for name, n in steps:
            hands.run(1)
            if name == "step":
                follower.step()
            elif name == "restart":
                follower.source.close()
                follower = begun(script)
            else:
                decide(name, n)
        for _ in range(len(faults) + 3):
            follower.step()
        assert known(follower.knowledge) == standing(store)
        assert follower.counts.connected
        follower.source.close()

    follows()


def test_a_follower_of_each_database_is_told_in_seconds(database_url: str) -> None:
    store = Store(database_url)
    follower = Follower(StoreSource(database_url), poll_s=0.02)
    follower.start()
    assert follower.ready(30)
    try:
        one = decided("bad", until=int(time.time()) + 10_000, made=int(time.time()) - 10)
        add(store, one)
        assert follower.knowledge.wait(follower.knowledge.seq, 30)
        table = follower.knowledge.table
        verdict = table.verdict(Request(account="bad"), follower.knowledge.clock.now())
        assert table.id(verdict.row) == one.id
        lift(store, one.id)
        assert follower.knowledge.wait(follower.knowledge.seq, 30)
        assert len(table) == 0
    finally:
        follower.stop()
        store.close()
    assert follower.counts.failures == 0


def eventually(true: Callable[[], bool]) -> None:
    """Wait for another thread, for long if need be."""
    until = time.monotonic() + 60
    while not true():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_database_that_is_cut_off_and_comes_back_loses_nothing() -> None:
    """A real PostgreSQL behind a relay that is killed while decisions go on being made."""
    with postgresql() as url:
        socket = parse_qs(urlsplit(url).query)["host"][0]
        store = Store(url)
        with relaying(f"{socket}/.s.PGSQL.5432") as relay:
            there = f"postgresql://postgres:@127.0.0.1:{relay.port}{urlsplit(url).path}"
            follower = Follower(StoreSource(there), poll_s=0.01)
            add(store, *(decided(f"a{n}") for n in range(50)))
            follower.start()
            assert follower.ready(30)
            for turn in range(3):
                relay.cut()
                eventually(lambda: not follower.counts.connected)
                assert len(follower.knowledge.table) == 50 * (turn + 1)
                add(store, *(decided(f"b{turn}-{n}") for n in range(50)))
                relay.mend()
                eventually(lambda: follower.counts.connected)
            eventually(lambda: len(follower.knowledge.table) == 200)
            assert known(follower.knowledge) == standing(store)
            assert follower.counts.failures >= 3
            assert follower.counts.startups == 1
            assert "postgres" in follower.source.name
            follower.stop()
        store.close()


def test_a_gateway_that_follows_a_gateway_hears_at_once() -> None:
    def long(n: int) -> dict[str, Any]:
        return record(n, until=4_000_000_000)

    first = Knowledge()
    first.swap(knowing(long(1)).table, 5)
    with streaming(first) as streamer:
        follower = Follower(HttpSource(streamer.url, "secret"), wait_s=0.2)
        follower.start()
        assert follower.ready(30)
        assert set(known(follower.knowledge)) == {id_of(1)}
        first.apply([], 6)
        first.apply([Change(7, id_of(2), long(2))], 7)
        eventually(lambda: follower.knowledge.seq == 7)
        assert set(known(follower.knowledge)) == {id_of(1), id_of(2)}
        first.swap(knowing(long(3)).table, 90)
        eventually(lambda: follower.knowledge.seq == 90)
        assert set(known(follower.knowledge)) == {id_of(3)}
        assert follower.counts.behind == 1
        follower.stop()
    assert follower.counts.failures == 0
    assert {token for _, token in streamer.asked} == {"Bearer secret"}


def test_who_follows_a_gateway_is_as_old_as_both_together() -> None:
    hands = Hands(AT)
    first = knowing(record(1), hands=hands)
    with streaming(first) as streamer:
        follower = Follower(HttpSource(streamer.url), wait_s=0, clock=hands.clock())
        hands.run(100)
        follower.step()
        assert follower.knowledge.age_s() == 100
        hands.run(20)
        follower.step()
        assert follower.knowledge.age_s() == 120
        first.apply([], 1)
        hands.run(3)
        assert follower.knowledge.age_s() == 123
        follower.step()
        assert follower.knowledge.age_s() == 3
        follower.source.close()


def begun(store: Store, folder: Path, hands: Hands, **settings: Any) -> Follower:
    source = StoreSource(store.url, wall=lambda: hands.wall)
    return Follower(source, folder / "snapshot", clock=hands.clock(), **settings)


def gone(folder: Path) -> StoreSource:
    """The store cannot be reached; its name is the same."""
    (folder / "share.db").rename(folder / "away.db")
    return StoreSource(f"sqlite:///{folder / 'share.db'}")


def test_a_snapshot_is_what_is_known_when_the_source_is_gone(tmp_path: Path, store: Store) -> None:
    hands = Hands(AT)
    add(store, *(decided(f"v{n}") for n in range(30)))
    first = begun(store, tmp_path, hands)
    first.step()
    assert first.counts.snapshots == 1
    assert stat.S_IMODE((tmp_path / "snapshot").stat().st_mode) == 0o600
    first.source.close()
    hands.run(500)
    second = Follower(gone(tmp_path), tmp_path / "snapshot", clock=hands.clock())
    assert second.step() > 0
    assert known(second.knowledge) == known(first.knowledge)
    assert second.counts.from_snapshot
    assert not second.counts.connected
    assert "no store" in second.counts.last_error
    assert second.knowledge.age_s() == pytest.approx(500)
    (tmp_path / "away.db").rename(tmp_path / "share.db")
    add(store, decided("new"))
    assert second.step() == 0
    assert known(second.knowledge) == standing(store)
    assert second.counts.startups == 0, "it went on where the snapshot ended"
    assert second.knowledge.age_s() == 0
    second.source.close()


def harmed(kind: str, text: bytes) -> bytes:
    if kind == "truncated":
        return text[: len(text) // 2]
    if kind == "flipped":
        at = len(text) // 2
        return text[:at] + bytes([text[at] ^ 1]) + text[at + 1 :]
    head, rest = text.split(b"\n", 1)
    said = orjson.loads(head)
    if kind == "foreign":
        said["source"] = identity(StoreSource("sqlite:///other.db"))
    elif kind == "format to come":
        said["format"] = "stillwatch decisions 2"
    elif kind == "instant to come":
        said["now"] = AT + 10**7
    elif kind == "no number":
        said["seq"] = "7"
    body = [orjson.dumps(said), *rest.splitlines()[:-1]]
    return {"empty": b"", "noise": random.Random(7).randbytes(5000)}.get(
        kind, b"".join(sealed(body))
    )


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("truncated", "cut short|no JSON"),
        ("flipped", "damaged|no JSON|cannot be used|row"),
        ("foreign", "another source"),
        ("format to come", "format"),
        ("instant to come", "instant to come"),
        ("no number", "number"),
        ("empty", "cut short"),
        ("noise", "cut short|no snapshot"),
    ],
)
def test_a_snapshot_that_does_not_hold_is_refused_and_kept_aside(
    tmp_path: Path, store: Store, kind: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    hands = Hands(AT)
    add(store, *(decided(f"v{n}") for n in range(30)))
    first = begun(store, tmp_path, hands)
    first.step()
    first.source.close()
    kept = tmp_path / "snapshot"
    kept.write_bytes(harmed(kind, kept.read_bytes()))
    with pytest.raises(Exception, match=words):
        snapshot.read(kept, identity(first.source), AT)
    second = Follower(gone(tmp_path), kept, clock=hands.clock())
    second.step()
    assert not second.knowledge.present
    assert second.counts.snapshots_refused == 1
    assert not kept.exists()
    assert (tmp_path / "snapshot.refused").exists()
    assert "snapshot.refused" in caplog.text
    (tmp_path / "away.db").rename(tmp_path / "share.db")
    second.step()
    assert len(second.knowledge.table) == 30
    assert kept.exists()
    second.source.close()


def test_snapshots_are_written_when_something_changed_and_now_and_then(
    tmp_path: Path, store: Store
) -> None:
    hands = Hands(AT)
    follower = begun(store, tmp_path, hands, snapshot_s=60)
    for seconds, expected in ((0, 1), (1, 1), (59, 1), (500, 1), (60, 2)):
        hands.run(seconds)
        follower.step()
        assert follower.counts.snapshots == expected
    add(store, decided("v"))
    for seconds, expected in ((1, 2), (60, 3)):
        hands.run(seconds)
        follower.step()
        assert follower.counts.snapshots == expected
    follower.source.close()


def test_a_snapshot_that_cannot_be_written_is_counted_and_decisions_go_on(
    tmp_path: Path, store: Store
) -> None:
    (tmp_path / "file").write_text("")
    source = StoreSource(store.url)
    follower = Follower(source, tmp_path / "file" / "snapshot")
    follower.step()
    assert follower.counts.snapshots_failed == 1
    assert follower.counts.connected
    follower.source.close()


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    source = StoreSource(f"sqlite:///{tmp_path / 'share.db'}")
    with pytest.raises(PeerError, match="no store"):
        source.startup()
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_is_back_and_a_store_that_was_emptied_are_said(
    tmp_path: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    add(store, decided("1"), decided("2"))
    file, aside = tmp_path / "share.db", tmp_path / "aside.db"
    follower = Follower(StoreSource(f"sqlite:///{file}"))
    follower.step()
    assert not caplog.messages
    file.rename(aside)
    follower.step()
    assert "failed" in caplog.messages[-1]
    with Store(f"sqlite:///{file}").begin():
        pass  # somebody makes an empty one in its place
    for _ in range(3):
        follower.step()
    assert "the source of decisions answers again" in caplog.messages
    assert "all decisions loaded anew: 0 in force, 2 before" in caplog.messages


def test_pauses_grow_to_seconds_and_no_two_are_the_same(tmp_path: Path) -> None:
    follower = Follower(StoreSource(f"sqlite:///{tmp_path / 'share.db'}"))
    pauses = [follower.step() for _ in range(12)]
    assert all(0.2 <= pause <= 5 for pause in pauses)
    assert max(pauses) > 2
    assert len(set(pauses)) == len(pauses)
    assert follower.counts.failures == 12
