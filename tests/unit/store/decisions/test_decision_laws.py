"""Laws of the stream, for any history: replay equals what stands, undo has no order."""

import tempfile
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from stillwatch.domain.decision import Decision, is_own
from stillwatch.errors import InputError
from stillwatch.store import decisions as d
from stillwatch.store.database import Store
from stillwatch.store.decisions import stream as numbered
from stillwatch.store.schema import decision_acts, decision_changes, decision_evidence, decisions
from tests.databases import database_url
from tests.decided import CLAIM, NOW, decided, in_force, replayed

__all__ = ["database_url"]
WHY = {"by": "bob", "reason": "why"}
EVIDENCE = ["finding:run/C1", "case:7", CLAIM, "lead:3"]
IDS = [decided().id for _ in range(4)]
effects = st.sampled_from(["block", "challenge", "observe", "allow"])
made = st.builds(
    lambda id_, effect, evidence, hours, person: {
        "id": id_, "effect": effect, "evidence": evidence,
        "until": (NOW + timedelta(hours=hours)).timestamp(),
        "origin": "person:alice" if person else "policy:standard",
    },
    st.sampled_from(IDS), effects, st.lists(st.sampled_from(EVIDENCE), unique=True),
    st.integers(1, 9), st.booleans(),
)  # fmt: skip
steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), made),
        st.tuples(st.just("hold"), made),
        st.tuples(st.sampled_from(["lift", "release", "refuse", "suspend", "restore"]), st.sampled_from(IDS)),
        st.tuples(st.just("undo"), st.sampled_from(EVIDENCE)),
        st.tuples(st.just("freeze"), st.sets(st.sampled_from(EVIDENCE[2:]))),
        st.tuples(st.just("sweep"), st.none()),
    ),
    max_size=12,
)  # fmt: skip


@pytest.fixture(scope="module")
def one() -> Iterator[Store]:
    """A store for many histories, in memory where there is such a folder: nothing outlives it."""
    memory = "/dev/shm"
    with tempfile.TemporaryDirectory(dir=memory if Path(memory).is_dir() else None) as folder:
        opened = Store(f"sqlite:///{folder}/share.db")
        yield opened
        opened.close()


def emptied(store: Store) -> Store:
    with store.begin() as connection:
        for table in (decisions, decision_evidence, decision_changes, decision_acts):
            connection.execute(delete(table))
    return store


def step(store: Store, what: str, on: Any, now: datetime) -> None:
    """One transaction; what is refused changes nothing."""
    try:
        with store.begin() as connection:
            match what:
                case "add":
                    d.add(connection, [decided(**on)], by="alice", now=now)
                case "hold":
                    d.add(connection, [decided(**on)], by="alice", now=now, held="look")
                case "undo":
                    d.undo(connection, on, **WHY, now=now)
                case "freeze":
                    d.freeze(connection, on, by="bob", now=now)
                case "suspend" | "restore":
                    getattr(d, what)(connection, [on], "appeal--1", **WHY, now=now)
                case "sweep":
                    d.sweep(connection, now)
                case _:
                    getattr(d, what)(connection, on, **WHY, now=now)
    except InputError:
        pass


def alive(known: dict[str, Decision], now: datetime) -> dict[str, Decision]:
    return {id_: one for id_, one in known.items() if one.until > now}


@settings(max_examples=50, deadline=None)
@given(steps, st.data())
def test_who_starts_anywhere_and_follows_knows_what_stands(
    one: Store, history: list[tuple[str, Any]], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(history)))
    store = emptied(one)
    known, seq = dict[str, Decision](), 0
    for place, (what, on) in enumerate([*history, ("sweep", None)]):
        now = NOW + timedelta(hours=place / 2)
        if place == cut:
            with store.begin() as connection:
                seq, known = d.newest(connection), in_force(connection, now)
        step(store, what, on, now)
    with store.begin() as connection:
        changes = d.changes(connection, seq, 10_000)
        assert [c.seq for c in changes] == list(range(seq + 1, d.newest(connection) + 1))
        stands = in_force(connection, now)
    assert alive(replayed(known, changes), now) == stands
    for left in stands.values():
        assert left.until > now
        foreign = not any(map(is_own, left.evidence))
        assert not (foreign and left.effect == "block" and left.origin.startswith("policy:"))


@settings(max_examples=50, deadline=None)
@given(st.lists(made, max_size=4), st.permutations(EVIDENCE), st.integers(0, 4))
def test_undo_has_no_order_and_twice_is_once(
    one: Store, wanted: list[dict[str, Any]], order: list[str], count: int
) -> None:
    ends = []
    for names in (order[:count], [*reversed(order[:count]), *order[:count]]):
        store = emptied(one)
        for said in wanted:
            step(store, "add", said, NOW)
        for name in names:
            step(store, "undo", name, NOW)
        with store.begin() as connection:
            every = d.listed(connection)
            ends.append([(k.decision, k.state, sorted(k.struck)) for k in every])
    assert ends[0] == ends[1]


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    opened = Store(database_url)
    yield opened
    opened.close()


def test_writers_at_once_lose_no_change_and_a_reader_skips_no_number(store: Store) -> None:
    writers, each = 6, 8
    with store.begin() as connection:
        first = seen = d.newest(connection)
    known, done, faults = dict[str, Decision](), threading.Event(), list[BaseException]()

    def write(number: int) -> None:
        try:
            for n in range(each):
                one = decided(f"{number}-{n}")
                with store.begin() as connection:
                    d.add(connection, [one], by="alice", now=NOW)
                if n % 2:
                    with store.begin() as connection:
                        d.lift(connection, one.id, by="alice", reason="odd", now=NOW)
        except BaseException as error:
            faults.append(error)
            raise

    def read() -> None:
        nonlocal seen
        while True:
            last = done.is_set()
            with store.begin() as connection:
                changes = d.changes(connection, seen, 5)
            assert [c.seq for c in changes] == list(range(seen + 1, seen + 1 + len(changes)))
            replayed(known, changes)
            seen += len(changes)
            if last and not changes:
                return

    reader = threading.Thread(target=read)
    reader.start()
    threads = [threading.Thread(target=write, args=(n,)) for n in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    reader.join()
    assert faults == []
    assert seen == first + writers * each * 3 // 2
    with store.begin() as connection:
        assert known == in_force(connection)
    assert len(known) == writers * each // 2


def test_two_at_once_lift_one_decision_and_one_of_them_did_it(store: Store) -> None:
    one = decided()
    with store.begin() as connection:
        d.add(connection, [one], by="alice", now=NOW)
    gate, said = threading.Barrier(4), list[str]()

    def lift(by: str) -> None:
        gate.wait()
        try:
            with store.begin() as connection:
                d.lift(connection, one.id, by=by, reason="mine", now=NOW)
            said.append("did")
        except InputError as error:
            said.append(error.message)

    threads = [threading.Thread(target=lift, args=(f"p{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said.count("did") == 1
    assert sum("it is lifted by p" in word for word in said) == 3
    with store.begin() as connection:
        assert [a.act for a in d.acts(connection, one.id)] == ["add", "lift"]


def test_who_is_too_far_behind_or_ahead_starts_anew(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numbered, "KEPT", 5)
    with store.begin() as connection:
        first = d.newest(connection)
        assert d.changes(connection, first, 9) == []
        d.add(connection, [decided(str(n)) for n in range(3)], by="alice", now=NOW)
        assert len(d.changes(connection, first, 9)) == 3
        d.add(connection, [decided(str(n)) for n in range(7)], by="alice", now=NOW)
        last = d.newest(connection)
        assert last == first + 10
        assert [c.seq for c in d.changes(connection, last - 5, 9)] == list(
            range(last - 4, last + 1)
        )
        for since in (0, first, last - 6, last + 1, -1):
            with pytest.raises(d.Behind, match="not known here"):
                d.changes(connection, since, 9)
        connection.execute(delete(decision_changes))
        with pytest.raises(d.Behind):
            d.changes(connection, last - 1, 9)


def test_after_a_backup_was_brought_back_every_number_is_new(store: Store) -> None:
    with store.begin() as connection:
        d.add(connection, [decided()], by="alice", now=NOW)
        before = d.newest(connection)
        assert d.renumber(connection, NOW) > before
        with pytest.raises(d.Behind):
            d.changes(connection, before, 9)
        assert len(in_force(connection)) == 1


def test_stores_made_anew_number_from_another_hour(tmp_path: Any) -> None:
    seqs = []
    for name in ("a", "b"):
        store = Store(f"sqlite:///{tmp_path}/{name}.db")
        with store.begin() as connection:
            seqs.append(d.newest(connection))
        store.close()
    assert 1_700_000_000_000 < seqs[0] < seqs[1]
