"""Decisions are made, found, taken back, undone; each with an act, on each database."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from stillwatch.errors import InputError
from stillwatch.store import appeals
from stillwatch.store import decisions as d
from stillwatch.store.database import Store
from tests.databases import database_url
from tests.decided import CLAIM, NOW, decided, in_force, replayed

__all__ = ["database_url"]
BY = {"by": "alice", "now": NOW}
WHY = {"by": "bob", "reason": "the owner called", "now": NOW}


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    opened = Store(database_url)
    yield opened
    opened.close()


def test_a_decision_is_kept_as_it_was_made(store: Store) -> None:
    one = decided()
    other = decided("b", effect="throttle", rate={"per_minute": 3}, evidence=["case:7", CLAIM])
    camp = decided("C1", scope="campaign", members=["x", "y"], shadow=True, cohort="k1")
    with store.begin() as connection:
        assert d.add(connection, [one, other, camp], **BY) == [one.id, other.id, camp.id]
    with store.begin() as connection:
        assert in_force(connection) == {one.id: one, other.id: other, camp.id: camp}
        assert d.find(connection, other.id) == d.Kept(other, "standing")
        assert d.find(connection, "decision--0") is None
        assert [(a.act, a.by) for a in d.acts(connection, one.id)] == [("add", "alice")]


def test_a_decision_made_anew_replaces_the_one_of_its_id(store: Store) -> None:
    one = decided()
    later = decided(id=one.id, until=one.until.timestamp() + 60, evidence=["finding:run/C2"])
    with store.begin() as connection:
        d.add(connection, [one], **BY)
        seq = d.newest(connection)
        d.add(connection, [one], **BY)
        assert d.newest(connection) == seq  # nothing changed
        d.add(connection, [later], **BY)
        assert d.newest(connection) == seq + 1
        assert in_force(connection) == {one.id: later}
        assert d.undo(connection, "finding:run/C1", **WHY) == []
        assert d.undo(connection, "finding:run/C2", **WHY) == [one.id]


@pytest.mark.parametrize("effect", ["block", "degrade"])
@pytest.mark.parametrize("evidence", [[], [CLAIM], ["lead:7"], ["Finding:run/C1"]])
def test_a_policy_does_not_cut_off_on_others_words(
    store: Store, effect: str, evidence: list[str]
) -> None:
    fine = decided("c")
    with store.begin() as connection:
        with pytest.raises(InputError, match="without evidence of our own"):
            d.add(connection, [fine, decided(effect=effect, evidence=evidence)], **BY)
        d.add(connection, [decided(effect="challenge", evidence=evidence)], **BY)
        d.add(connection, [decided(effect=effect, evidence=evidence, origin="person:alice")], **BY)
        assert fine.id not in in_force(connection)


def test_what_has_ended_is_refused_and_what_nobody_answers_for(store: Store) -> None:
    with store.begin() as connection:
        late = NOW + timedelta(days=8)
        with pytest.raises(InputError, match="ended 2026-12-03 12:00 UTC"):
            d.add(connection, [decided()], by="alice", now=late)
        with pytest.raises(InputError, match="nobody is named"):
            d.add(connection, [decided()], by=" ", now=NOW)
        with pytest.raises(InputError, match="no reason"):
            d.undo(connection, CLAIM, by="alice", reason="", now=NOW)
        assert in_force(connection) == {}


def test_lifted_once_and_the_second_learns_by_whom(store: Store) -> None:
    one = decided()
    with store.begin() as connection:
        d.add(connection, [one], **BY)
        d.lift(connection, one.id, **WHY)
        assert in_force(connection) == {}
        with pytest.raises(InputError, match="it is lifted by bob: the owner called"):
            d.lift(connection, one.id, **WHY)
        with pytest.raises(InputError, match="no decision 'decision--9'"):
            d.lift(connection, "decision--9", **WHY)
        (kept,) = d.listed(connection, state="lifted")
        assert (kept.by, kept.why) == ("bob", "the owner called")


def test_held_ones_stay_out_of_the_stream_until_released(store: Store) -> None:
    one, other = decided(), decided("b")
    with store.begin() as connection:
        seq = d.newest(connection)
        d.add(connection, [one, other], **BY, held="more than 50 blocks within an hour")
        assert d.newest(connection) == seq
        assert in_force(connection) == {}
        d.release(connection, one.id, **WHY)
        d.refuse(connection, other.id, **WHY)
        assert set(in_force(connection)) == {one.id}
        assert [c.id for c in d.changes(connection, seq, 9)] == [one.id]
        with pytest.raises(InputError, match="not held"):
            d.release(connection, other.id, **WHY)
        acts = [(a.act, a.decision) for a in d.acts(connection)]
        assert acts[-2:] == [("release", one.id), ("refuse", other.id)]


def test_what_is_held_again_leaves_the_stream(store: Store) -> None:
    one = decided()
    with store.begin() as connection:
        d.add(connection, [one], **BY)
        seq = d.newest(connection)
        d.add(connection, [one], **BY, held="too many")
        assert d.changes(connection, seq, 9) == [d.Change(seq + 1, one.id, None)]
        assert in_force(connection) == {}
        assert d.made_since(connection, NOW).blocks == {}


def test_a_held_one_that_has_nothing_of_our_own_left_is_refused_by_that(store: Store) -> None:
    one = decided(evidence=["case:1", CLAIM])
    with store.begin() as connection:
        d.add(connection, [one], **BY, held="a person looks")
        d.undo(connection, "case:1", **WHY)
        kept = d.find(connection, one.id)
        assert kept is not None
        assert kept.state == "refused"
        with pytest.raises(InputError, match="not held: it is refused by bob"):
            d.release(connection, one.id, **WHY)


def test_undo_takes_what_has_nothing_of_our_own_left(store: Store) -> None:
    alone = decided("a")
    both = decided("b", evidence=["finding:run/C1", "finding:run/C2"])
    foreign = decided("c", evidence=["finding:run/C1", CLAIM])
    asked = decided("d", effect="challenge", evidence=["finding:run/C1", CLAIM])
    person = decided("e", evidence=["finding:run/C1", CLAIM], origin="person:alice")
    with store.begin() as connection:
        d.add(connection, [alone, both, foreign, asked, person], **BY)
        seq = d.newest(connection)
        fell = d.undo(connection, "finding:run/C1", **WHY)
        assert set(fell) == {alone.id, foreign.id}
        left = in_force(connection)
        assert left[both.id].evidence == ("finding:run/C2",)
        assert left[asked.id].evidence == left[person.id].evidence == (CLAIM,)
        told = d.changes(connection, seq, 99)
        assert {c.id: c.record is None for c in told} == {
            alone.id: True, both.id: False, foreign.id: True, asked.id: False, person.id: False,
        }  # fmt: skip
        assert set(d.undo(connection, CLAIM.upper(), **WHY)) == {asked.id, person.id}
        assert d.undone(connection, [CLAIM, "finding:run/C1", "finding:run/C2"]) == {
            CLAIM, "finding:run/C1",
        }  # fmt: skip


def test_a_lead_falls_with_the_last_claim_that_it_repeats(store: Store) -> None:
    other = CLAIM[:-1] + ("0" if CLAIM[-1] != "0" else "1")
    asked = decided("a", effect="challenge", evidence=["lead:a", CLAIM, other])
    ours = decided("b", effect="challenge", evidence=["lead:b", "finding:run/C1", CLAIM])
    person = decided("c", effect="challenge", evidence=["lead:c", CLAIM], origin="person:alice")
    with store.begin() as connection:
        d.add(connection, [asked, ours, person], **BY)
        assert d.undo(connection, CLAIM, **WHY) == []
        assert d.undo(connection, other, **WHY) == [asked.id]
        assert d.undo(connection, "finding:run/C1", **WHY) == [ours.id]
        assert set(in_force(connection)) == {person.id}


def test_a_claim_beside_a_finding_is_struck_and_the_decision_stays(store: Store) -> None:
    one = decided(evidence=["finding:run/C1", CLAIM])
    with store.begin() as connection:
        d.add(connection, [one], **BY)
        seq = d.newest(connection)
        assert d.undo(connection, CLAIM, **WHY) == []
        ((_, id_, record),) = d.changes(connection, seq, 9)
        assert (id_, record and record["evidence"]) == (one.id, ["finding:run/C1"])
        kept = d.find(connection, one.id)
        assert kept is not None
        assert kept.struck == (CLAIM,)


def test_what_is_over_is_swept_once(store: Store) -> None:
    one, held = decided(), decided("b")
    with store.begin() as connection:
        d.add(connection, [one], **BY)
        d.add(connection, [held], **BY, held="a person looks")
        seq = d.newest(connection)
        assert d.sweep(connection, one.until - timedelta(seconds=1)) == 0
        assert in_force(connection, one.until - timedelta(seconds=1)) == {one.id: one}
        assert in_force(connection, one.until) == {}
        assert d.sweep(connection, one.until) == 2
        assert d.sweep(connection, one.until) == 0
        assert d.changes(connection, seq, 9) == [d.Change(seq + 1, one.id, None)]
        assert in_force(connection, one.until) == {}


def test_a_clock_that_was_a_year_ahead_ends_nothing_for_good(store: Store) -> None:
    far = NOW + timedelta(days=365)
    stands, held, over = decided(), decided("b"), decided("c", until=NOW.timestamp() + 60)
    gone = decided("d", evidence=["finding:run/C9"])
    with store.begin() as connection:
        d.add(connection, [stands, over, gone], **BY)
        d.add(connection, [held], held="too many", **BY)
        seq = d.newest(connection)
    with store.begin() as connection:
        assert d.sweep(connection, far) == 4
        assert in_force(connection) == {}
        d.undo(connection, "finding:run/C9", by="bob", reason="it was wrong", now=far)
    right = NOW + timedelta(hours=1)
    with store.begin() as connection:
        assert d.sweep(connection, right) == 0
        assert in_force(connection, right) == {stands.id: stands}
        assert d.find(connection, stands.id) == d.Kept(stands, "standing")
        again = d.find(connection, held.id)
        assert again is not None
        assert (again.state, again.why) == ("held", "too many")
        assert [d.find(connection, one.id).state for one in (over, gone)] == ["ended", "ended"]
        assert [act.act for act in d.acts(connection, stands.id)] == ["add", "end", "restore"]
        fallen = {change.id: change.record for change in d.changes(connection, seq, 100)}
        assert fallen[stands.id] == stands.record()
        seq = d.newest(connection)
        d.sweep(connection, right - timedelta(days=30))  # a clock that is behind
        assert set(in_force(connection, right)) == {stands.id}, (
            "their ends judge, wherever they stand"
        )
        assert d.sweep(connection, right) <= 1
        assert d.sweep(connection, right) == 0


def test_clocks_that_differ_a_little_do_not_contradict_each_other(store: Store) -> None:
    soon = decided(until=NOW.timestamp() + 60)
    with store.begin() as connection:
        d.add(connection, [soon], **BY)
        assert d.sweep(connection, NOW + timedelta(seconds=61)) == 1
        seq = d.newest(connection)
        assert d.sweep(connection, NOW) == 0
        assert d.newest(connection) == seq


def test_what_is_long_over_is_forgotten_and_followers_do_not_mind(store: Store) -> None:
    gone, lifted, stands, contested = (
        decided("a"),
        decided("b", until=4e9),
        decided("c", until=4e9),
        decided("d"),
    )
    later = NOW + timedelta(days=30)
    with store.begin() as connection:
        seq = d.newest(connection)
        d.add(connection, [gone, lifted, stands, contested], **BY)
        appeals.open_appeal(connection, contested.id, "not me", "bob", NOW)
        d.lift(connection, lifted.id, **WHY)
        d.sweep(connection, later)
        assert d.forget(connection, later, by="bob", now=later) == 1
        assert d.forget(connection, later, by="bob", now=later) == 0
        assert d.find(connection, gone.id) is None
        assert d.listed(connection, evidence="finding:run/C1", state="ended") != []
        assert replayed({}, d.changes(connection, seq, 99)) == in_force(connection, later)
        assert [a.act for a in d.acts(connection, gone.id)] == ["add", "end", "forget"]


@pytest.mark.parametrize("start", ["decision--%", "decision--_", "decision--", "decision--~"])
def test_an_id_is_found_by_its_beginning_as_it_is_written(store: Store, start: str) -> None:
    one, two = decided("a"), decided("b")
    with store.begin() as connection:
        d.add(connection, [one, two], **BY)
        both = sorted([one.id, two.id]) if start == "decision--" else []
        assert sorted(d.by_prefix(connection, start)) == both
        assert d.by_prefix(connection, one.id) == [one.id]
        assert d.by_prefix(connection, two.id[:30]) == [two.id]


def test_suspended_for_two_causes_it_comes_back_when_both_are_gone(store: Store) -> None:
    one = decided(effect="throttle", rate={"concurrency": 1})
    with store.begin() as connection:
        d.add(connection, [one], **BY)
        for cause in ("appeal--1", CLAIM):
            assert d.suspend(connection, [one.id], cause, **WHY) == [one.id]
            assert d.suspend(connection, [one.id], cause, **WHY) == []
        assert in_force(connection)[one.id].effect == "observe"
        renewed = decided(id=one.id, effect="block")
        d.add(connection, [renewed], **BY)
        assert in_force(connection)[one.id].effect == "observe"
        assert d.restore(connection, [one.id], CLAIM, **WHY) == [one.id]
        assert in_force(connection)[one.id].effect == "observe"
        assert d.restore(connection, [one.id], "appeal--1", **WHY) == [one.id]
        assert in_force(connection) == {one.id: renewed}


def test_pages_lose_and_repeat_nothing_while_decisions_come_and_go(store: Store) -> None:
    made = [decided(str(n)) for n in range(25)]
    seen = list[str]()
    with store.begin() as connection:
        d.add(connection, made, **BY)
        after = None
        while page := d.listed(connection, limit=4, after=after):
            seen += [k.decision.id for k in page]
            after = seen[-1]
            d.add(connection, [decided("new")], **BY)
    assert {one.id for one in made} <= set(seen)
    assert len(seen) == len(set(seen))


def test_found_by_what_they_are(store: Store) -> None:
    one, two = decided("a"), decided("b", effect="challenge", evidence=["lead:7"])
    with store.begin() as connection:
        d.add(connection, [one, two], **BY)
        assert [k.decision for k in d.listed(connection, evidence="lead:7")] == [two]
        assert [k.decision for k in d.listed(connection, scope="account", value="a")] == [one]
        assert d.listed(connection, effect="allow") == []
        assert {k.decision for k in d.listed(connection, latest=True)} == {one, two}
        recent = d.made_since(connection, NOW)
        assert recent.blocks == {"policy:standard": 1}
        assert d.made_since(connection, NOW + timedelta(seconds=1)).blocks == {}
