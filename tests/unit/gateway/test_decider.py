import threading
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.domain.decision import Effect, Scope
from stillwatch.errors import ConfigError
from stillwatch.gateway.breaker import Bounds
from stillwatch.gateway.decider import Decider, FailRules
from stillwatch.gateway.knowledge import Change, Knowledge
from stillwatch.gateway.table import Request
from stillwatch.gateway.throttle import Throttles
from tests.unit.gateway.made import START, Hands, id_of, knowing, record

OLD = START - 100_000
"""Made so long ago that the breaker does not look."""


def decider(
    *records: dict[str, Any],
    rules: FailRules | None = None,
    hands: Hands | None = None,
    bounds: Bounds | None = None,
) -> Decider:
    hands = hands or Hands()
    throttles = Throttles(steady=lambda: hands.steady)
    return Decider(knowing(*records, hands=hands), throttles, rules, bounds)


@pytest.mark.parametrize(
    ("effect", "status"),
    [("allow", 200), ("observe", 200), ("challenge", 403), ("degrade", 200), ("block", 403)],
)
def test_each_effect_has_its_answer(effect: str, status: int) -> None:
    said = record(1, effect=effect, made=OLD, cohort="c7")
    answer = decider(said).decide(Request(account="account-1"))
    assert (answer.allowed, answer.status, answer.effect) == (status == 200, status, effect)
    assert (answer.decision, answer.reason) == (id_of(1), "reason 1")
    assert answer.cohort == ("c7" if effect == "degrade" else None)
    assert answer.age_s == 0
    assert answer.lease is None


def test_nothing_known_of_a_request_passes_and_names_no_decision() -> None:
    one = decider(record(1))
    answer = one.decide(Request(account="b"))
    assert (answer.allowed, answer.status, answer.effect) == (True, 200, "allow")
    assert answer.decision is None
    assert one.counts().plain == one.counts().decided == 1


def test_a_throttle_passes_at_its_rate_and_says_when_to_come_again() -> None:
    hands = Hands()
    one = decider(record(1, effect="throttle", rate={"per_minute": 2}, made=OLD), hands=hands)
    answers = [one.decide(Request(account="account-1")) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[2].retry_after_s == 30
    hands.run(30)
    assert one.decide(Request(account="account-1")).allowed
    counts = one.counts()
    assert counts.effects == {"throttle": 4}
    assert counts.throttled == 1
    assert counts.hits == {id_of(1): 4}


def test_all_throttles_bind_and_leases_of_a_refused_request_are_given_back() -> None:
    one = decider(
        record(1, effect="throttle", value="a", rate={"concurrency": 1}, made=OLD),
        record(2, effect="throttle", scope="key", value="k", rate={"concurrency": 1}, made=OLD),
    )
    both, other = Request(account="a", key="k"), Request(account="a", key="j")
    first = one.decide(both)
    assert first.allowed
    assert one.decide(other).status == 429
    assert first.lease
    assert one.release(first.lease)
    assert not one.release(first.lease)
    lease = one.decide(other).lease
    assert one.decide(both).status == 429
    assert lease
    assert one.release(lease)
    assert one.decide(both).allowed, "the key's lease of the refused one was given back"


def test_shadow_decisions_are_said_counted_and_change_nothing() -> None:
    one = decider(
        record(1, value="a", shadow=True),
        record(2, scope="key", value="k", effect="challenge", shadow=True),
        record(3, scope="range", value="192.0.2.0/24", effect="observe"),
    )
    answer = one.decide(Request(account="a", key="k"))
    assert (answer.allowed, answer.decision) == (True, None)
    assert set(answer.shadow) == {id_of(1), id_of(2)}
    answer = one.decide(Request(account="a", address="192.0.2.1"))
    assert (answer.effect, answer.shadow) == ("observe", (id_of(1),))
    assert one.counts().shadow == {"block": 2, "challenge": 1}
    assert one.counts().hits == {id_of(1): 2, id_of(2): 1, id_of(3): 1}


FULL = Request("a", "k", "o", "j", "c", "s", "192.0.2.1")


@pytest.mark.parametrize("scope", list(Scope))
def test_without_knowledge_only_closed_scopes_that_a_request_carries_refuse(scope: Scope) -> None:
    hands = Hands()
    rules = FailRules(frozenset({scope}))
    one = Decider(Knowledge(hands.clock()), Throttles(steady=lambda: hands.steady), rules)
    field = {"sign-up": "sign_up", "range": "address"}.get(scope.value, scope.value)
    answer = one.decide(FULL)
    assert (answer.allowed, answer.status, answer.effect) == (False, 503, "closed")
    assert answer.age_s is None
    assert scope.value in answer.reason
    assert one.decide(FULL._replace(**{field: None})).allowed
    counts = one.counts()
    assert counts.failed_closed == {scope.value: 1}
    assert counts.failed_open == {other.value: 1 for other in Scope if other is not scope}


def test_stale_knowledge_goes_on_and_counts_as_unknown_for_the_rest() -> None:
    hands = Hands()
    rules = FailRules.of({"account": "closed", "key": "open"}, stale_s=300)
    one = decider(
        record(1, value="bad", made=OLD), record(2, value="good", effect="allow"),
        record(3, value="seen", effect="observe"), rules=rules, hands=hands,
    )  # fmt: skip
    hands.run(300)
    assert one.decide(Request(account="x")).allowed
    hands.run(1)
    assert one.decide(Request(account="x")).status == 503
    assert one.decide(Request(key="x")).allowed
    assert one.decide(Request(account="bad")).status == 403
    assert one.decide(Request(account="good")).allowed
    assert one.decide(Request(account="seen")).status == 503
    assert one.decide(Request(key="x")).age_s == 301
    one.knowledge.apply([], 2)
    assert one.decide(Request(account="x")).status == 503, "looked at once a second"
    hands.run(1)
    assert one.decide(Request(account="x")).allowed


@pytest.mark.parametrize("address", ["", "nowhere", "192.0.2.1:443"])
def test_an_address_that_cannot_be_read_is_unknown(address: str) -> None:
    one = decider(record(1, made=OLD), rules=FailRules(frozenset({Scope.RANGE})))
    assert one.decide(Request(address=address)).status == 503
    assert one.decide(Request(account="account-1", address=address)).status == 403
    assert one.decide(Request(account="x")).allowed
    assert one.counts().failed_closed == {"range": 1}
    one = decider()
    assert one.decide(Request(address=address)).allowed
    assert one.counts().failed_open == {"range": 1}


def test_a_fail_rule_that_means_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="planet"):
        FailRules.of({"planet": "closed"})
    with pytest.raises(ConfigError, match="shut"):
        FailRules.of({"key": "shut"})


def test_a_new_decision_counts_from_the_next_request_on() -> None:
    one = decider()
    request = Request(account="account-1")
    assert one.decide(request).allowed
    one.knowledge.apply([Change(2, id_of(1), record(1, made=OLD))], 2)
    assert one.decide(request).status == 403
    one.knowledge.apply([Change(3, id_of(1), record(1, made=OLD, reason="other"))], 3)
    assert one.decide(request).reason == "other"
    one.knowledge.apply([Change(4, id_of(1), None)], 4)
    assert one.decide(request).allowed


def test_a_policy_that_blocks_everybody_is_held_back() -> None:
    """Pathological: 1,000 customers at ten requests each, then a block of all of them."""
    hands = Hands()
    one = decider(hands=hands)
    for turn in range(10):
        for n in range(1000):
            assert one.decide(Request(account=f"a{n}", address=f"192.0.2.{turn}")).allowed
    wild = record(1, scope="range", value="0.0.0.0/0", until=START + 10**6)
    one.knowledge.apply([Change(2, id_of(1), wild)], 2)
    answers = [one.decide(Request(account=f"a{n}", address="192.0.2.1")) for n in range(1000)]
    refused = [answer for answer in answers if not answer.allowed]
    assert len(refused) <= 0.06 * 1000
    assert refused == answers[: len(refused)]
    held = answers[-1]
    assert (held.status, held.effect, held.held_back) == (200, "observe", True)
    assert held.decision == id_of(1)
    assert one.counts().held_back == 1000 - len(refused)
    assert one.breaker.tripped
    assert one.breaker.trips == 1
    for _ in range(20):  # the policy is still wild
        hands.run(150)
        answers = [one.decide(Request(account=f"a{n}", address="192.0.2.1")) for n in range(1000)]
        assert all(answer.held_back for answer in answers)
    one.knowledge.apply([Change(3, id_of(1), None)], 3)
    for _ in range(5):
        hands.run(310)
        assert all(one.decide(Request(account=f"a{n}")).allowed for n in range(1000))
    assert not one.breaker.tripped


def test_who_is_blocked_cannot_open_the_gate_by_hammering() -> None:
    hands = Hands()
    one = decider(hands=hands)
    for _ in range(10):
        for n in range(200):
            one.decide(Request(account=f"a{n}"))
    one.knowledge.apply([Change(2, id_of(1), record(1, value="a0"))], 2)
    for second in range(50):
        hands.run(1)
        for _ in range(100):
            answer = one.decide(Request(account="a0"))
            assert not answer.allowed
            assert not answer.held_back
        one.decide(Request(account=f"a{1 + second}"))
    assert one.breaker.trips == 0


def test_cutting_off_one_large_customer_shows() -> None:
    one = decider()
    for n in range(2000):
        one.decide(Request(account="large" if n % 5 == 0 else f"a{n}"))
    one.knowledge.apply([Change(2, id_of(1), record(1, value="large"))], 2)
    assert one.decide(Request(account="large")).held_back


@pytest.mark.parametrize("changed", [{"origin": "person:ann"}, {"made": START - 3601}])
def test_what_a_person_decided_and_what_has_stood_for_long_is_done(changed: dict[str, Any]) -> None:
    one = decider(record(1, scope="range", value="0.0.0.0/0", **changed))
    for n in range(3000):
        assert not one.decide(Request(account=f"a{n}", address="192.0.2.1")).allowed


def test_a_person_can_bear_a_large_block() -> None:
    hands = Hands()
    one = decider(record(1, scope="range", value="0.0.0.0/0"), hands=hands)
    requests = [Request(account=f"a{n}", address="192.0.2.1") for n in range(1500)]
    assert one.decide(requests[0]).status == 403
    for request in requests:
        one.decide(request)
    assert one.decide(requests[0]).held_back
    one.bound(one.breaker.bounds, accepted_s=600)
    assert not one.decide(requests[0]).allowed
    hands.run(601)
    assert one.decide(requests[0]).held_back


def test_below_a_thousand_requests_no_share_is_judged() -> None:
    one = decider(record(1, scope="range", value="0.0.0.0/0"))
    for n in range(999):
        assert not one.decide(Request(account=f"a{n}", address="192.0.2.1")).allowed
    assert one.decide(Request(account="more", address="192.0.2.1")).held_back


def test_every_request_is_counted_once_whatever_the_threads() -> None:
    one = decider(record(1, value="bad", made=OLD), record(2, value="seen", shadow=True))

    def ask() -> None:
        for n in range(3000):
            one.decide(Request(account=("bad", "seen", "x")[n % 3]))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = one.counts()
    assert counts.decided == 12_000
    assert counts.plain == 4000
    assert counts.effects == {"block": 4000}
    assert counts.shadow == {"block": 4000}


@given(st.lists(st.integers(0, 3), min_size=1, max_size=50))
def test_hits_name_the_decisions_hit_most_first(asked: list[int]) -> None:
    one = decider(*(record(n, made=OLD) for n in range(4)))
    for n in asked:
        one.decide(Request(account=f"account-{n}"))
    hits = list(one.counts().hits.values())
    assert sum(hits) == len(asked)
    assert all(a >= b for a, b in pairwise(hits))


def test_the_decision_hit_most_is_found_among_ten_thousand() -> None:
    one = decider(*(record(n, made=OLD) for n in range(10_000)))
    for n in range(10_000):
        one.decide(Request(account=f"account-{n}"))
        one.decide(Request(account="account-77"))
    hits = one.counts().hits
    assert next(iter(hits)) == id_of(77)
    assert 9000 < hits[id_of(77)] <= 10_001
    assert len(hits) <= 4096


def test_effects_are_named_as_decisions_name_them() -> None:
    assert decider().decide(Request()).effect == Effect.ALLOW
