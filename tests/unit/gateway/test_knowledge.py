import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.gateway import knowledge as module
from stillwatch.gateway.blocks import decoded, opened
from stillwatch.gateway.knowledge import Behind, Change, Knowledge
from stillwatch.gateway.stream import change_lines, change_of, head_of, startup_lines
from stillwatch.gateway.table import Request, Table, loaded
from tests.unit.gateway.made import START, Hands, id_of, knowing, record


def put(seq: int, number: int, **said: Any) -> Change:
    return Change(seq, id_of(number), record(number, **said))


def ids(knowledge: Knowledge) -> set[str]:
    return {id_ for block in knowledge.table.blocks() for id_ in block["id"]}


def test_age_counts_from_the_last_answer() -> None:
    hands = Hands()
    knowledge = Knowledge(hands.clock())
    assert knowledge.age_s() is None
    knowledge.swap(Table(), 5, age_s=60)
    assert knowledge.age_s() == 60
    hands.run(10)
    assert knowledge.age_s() == 70
    knowledge.apply([], 5)
    assert knowledge.age_s() == 0


@given(st.lists(st.lists(st.tuples(st.integers(0, 6), st.booleans()), max_size=4), max_size=12))
def test_a_follower_of_a_follower_knows_the_same(steps: list[list[tuple[int, bool]]]) -> None:
    """Over the wire's lines, whenever it asks."""
    first, second, seq = knowing(), knowing(), 1
    for turn, step in enumerate(steps):
        changes = []
        for number, standing in step:
            seq += 1
            changes.append(put(seq, number) if standing else Change(seq, id_of(number), None))
        first.apply(changes, seq)
        if turn % 3 == 0:
            follow(second, first)
    follow(second, first)
    assert ids(second) == ids(first)
    assert second.seq == first.seq


def follow(second: Knowledge, first: Knowledge) -> None:
    head, *lines = opened(change_lines(first, second.seq))
    seq, _, whole, age = head_of(head)
    assert not whole
    second.apply([change_of(line, seq) for line in lines], seq, age_s=age)


def test_startup_lines_hold_everything() -> None:
    first = knowing(*(record(n) for n in range(25)))
    head, *lines = opened(startup_lines(first))
    assert head_of(head) == (1, START, True, 0.0)
    table = loaded(decoded(line, place) for place, line in enumerate(lines, 2))
    assert {id_ for block in table.blocks() for id_ in block["id"]} == ids(first)


def test_who_asks_from_too_far_back_or_from_the_future_is_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_RECENT", 3)
    knowledge = Knowledge(Hands().clock())
    with pytest.raises(Behind):
        knowledge.since(0)
    with pytest.raises(Behind):
        startup_lines(knowledge)
    knowledge.swap(Table(), 10)
    knowledge.apply([put(seq, seq) for seq in range(11, 17)], 16)
    assert [change.seq for change in knowledge.since(13)[1]] == [14, 15, 16]
    for seq in (12, 9, 17):
        with pytest.raises(Behind):
            knowledge.since(seq)
    knowledge.swap(Table(), 16)
    assert knowledge.since(16) == (16, [])
    with pytest.raises(Behind):
        knowledge.since(15)


def test_a_change_that_cannot_be_read_frees_and_is_said() -> None:
    knowledge = knowing(record(1))
    wrong = knowledge.apply([Change(2, id_of(1), record(1, effect="annoy")), put(3, 2)], 3)
    assert len(wrong) == 1
    assert "annoy" in wrong[0] or "effect" in wrong[0]
    assert ids(knowledge) == {id_of(2)}


def test_waiting_ends_with_the_first_change() -> None:
    knowledge = knowing()
    assert not knowledge.wait(1, 0)
    woken = threading.Event()
    heard = threading.Event()
    stop = knowledge.listen(heard.set)
    waiter = threading.Thread(target=lambda: knowledge.wait(1, 60) and woken.set())
    waiter.start()
    knowledge.apply([put(2, 1)], 2)
    waiter.join()
    assert woken.is_set()
    assert heard.is_set()
    heard.clear()
    stop()
    knowledge.apply([put(3, 1)], 3)
    assert not heard.is_set()


def test_what_ended_is_swept_after_a_while_and_much_waste_is_left_behind() -> None:
    hands = Hands()
    knowledge = knowing(*(record(n, until=START + 10) for n in range(2000)), hands=hands)
    knowledge.apply([put(2, 9999, until=START + 10**6)], 2)
    hands.run(3000)
    assert knowledge.tidy() == 0
    hands.run(1000)
    before = knowledge.table
    assert knowledge.tidy() == 2000
    assert knowledge.table is not before
    assert ids(knowledge) == {id_of(9999)}
    assert knowledge.table.verdict(Request(account="account-9999"), START).row == 0
