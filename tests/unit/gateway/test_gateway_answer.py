import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.domain.decision import Effect
from stillwatch.gateway.answer import Answer, Found, Reader, passing
from stillwatch.gateway.counts import PLACES, Hits
from stillwatch.gateway.decider import Decider
from stillwatch.gateway.knowledge import Change
from stillwatch.gateway.table import Request, Table
from stillwatch.gateway.throttle import Throttles
from tests.unit.gateway.made import START, id_of, knowing, record

OLD = START - 100_000
ACCOUNT = Request(account="account-1")


def test_an_answer_says_its_decision_however_late_it_is_asked() -> None:
    """The decision was replaced, removed and the table built anew in between."""
    knowledge = knowing(record(1, made=OLD, effect="degrade", cohort="c7"))
    one = Decider(knowledge, Throttles())
    late = one.decide(ACCOUNT)
    knowledge.apply([Change(2, id_of(1), record(1, made=OLD, reason="other"))], 2)
    later = one.decide(ACCOUNT)
    knowledge.apply([Change(3, id_of(1), None)], 3)
    knowledge.swap(knowledge.table.compacted(), 4)
    assert one.decide(ACCOUNT).decision is None
    assert (late.decision, late.reason, late.cohort, late.scope) == (
        id_of(1), "reason 1", "c7", "account",
    )  # fmt: skip
    assert (later.reason, later.effect, later.cohort) == ("other", "block", None)


def test_answers_are_told_apart_by_what_they_say() -> None:
    table = Table()
    table.put(record(1))
    row = table.verdict(ACCOUNT, START).row
    found = Found(Effect.BLOCK, table, row, 0.0, Reader(table))
    said = Answer(
        False, 403, "block", id_of(1), "reason 1", None, (), 0.0, None, None, False, "account"
    )
    assert found == said
    assert repr(found) == repr(said)
    assert found._replace(reason="x") == said._replace(reason="x") != said
    assert found != passing(0.0)
    assert found != "block"
    assert found[:3] == (False, 403, "block")
    assert list(found) == list(said)
    with pytest.raises(AttributeError, match="planet"):
        _ = found.planet


def test_an_answer_that_nothing_stands_is_never_changed_by_another_request() -> None:
    one = Decider(knowing(record(1, shadow=True)), Throttles())
    passed = one.decide(Request(account="b"))
    assert one.decide(ACCOUNT).shadow == (id_of(1),)
    assert passed == one.decide(Request(account="b"))
    assert passed.shadow == ()


def test_words_belong_to_their_decision_while_decisions_change() -> None:
    """One thread replaces, removes and builds anew; others ask and read what they were told."""
    names = [f"v{n}" for n in range(40)]
    said = [record(n, value=name, reason=name, made=OLD) for n, name in enumerate(names)]
    knowledge = knowing(*said)
    one = Decider(knowledge, Throttles())
    over, wrong, seen = threading.Event(), list[Answer](), [0]

    def ask() -> None:
        while not over.is_set():
            answers = [(n, one.decide(Request(account=name))) for n, name in enumerate(names)]
            for n, answer in answers:
                known = answer.allowed or (answer.decision, answer.reason) == (id_of(n), names[n])
                if not known:
                    wrong.append(answer)
                seen[0] += 1

    askers = [threading.Thread(target=ask) for _ in range(2)]
    for asker in askers:
        asker.start()
    for turn in range(30):
        for n, now in enumerate(said):
            changed = None if (n + turn) % 5 == 0 else now
            knowledge.apply([Change(2 + turn, id_of(n), changed)], 2 + turn)
        knowledge.swap(knowledge.table.compacted(), 2 + turn)
    over.set()
    for asker in askers:
        asker.join()
    assert wrong == []
    assert seen[0] > 100


class Named:
    """A table whose rows are named by a letter and their number."""

    def __init__(self, letter: str) -> None:
        self.letter = letter

    def id(self, row: int) -> str:
        """Of a row."""
        return f"{self.letter}{row}"


def test_hits_keep_their_names_when_another_table_comes() -> None:
    one, other = Named("a"), Named("b")
    hits = Hits(one)
    for _ in range(3):
        hits.add(one, 7)
    hits.add(other, 8)
    hits.add(other, 8 + 5 * PLACES)  # finds its place taken
    hits.turn(one)
    assert hits.most() == {"a7": 3, f"b{8 + 5 * PLACES}": 1}


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3 * PLACES)), max_size=60))
def test_a_number_of_hits_is_at_least_and_never_too_many(asked: list[tuple[bool, int]]) -> None:
    tables = Named("a"), Named("b")
    hits, true = Hits(tables[0]), dict[str, int]()
    for second, row in asked:
        table = tables[second]
        hits.add(table, row)
        true[table.id(row)] = true.get(table.id(row), 0) + 1
    said = hits.most()
    assert all(0 < number <= true[id_] for id_, number in said.items())
    assert list(said.values()) == sorted(said.values(), reverse=True)
