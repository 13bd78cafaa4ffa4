"""Appeals: what they suspend, what they undo, and who is let pass."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from stillwatch.domain.decision import Scope, Subject
from stillwatch.errors import InputError
from stillwatch.store import appeals
from stillwatch.store import decisions as d
from stillwatch.store.database import Store
from tests.databases import database_url
from tests.decided import CLAIM, NOW, decided, in_force

__all__ = ["database_url"]
WHY = {"by": "bob", "reason": "a shared office", "now": NOW}


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    opened = Store(database_url)
    yield opened
    opened.close()


def test_an_open_appeal_marks_and_suspends_only_when_asked(store: Store) -> None:
    one, two = decided("a"), decided("b", effect="throttle", rate={"per_minute": 1})
    with store.begin() as connection:
        d.add(connection, [one, two], by="alice", now=NOW)
        first = appeals.open_appeal(connection, one.id, "not me", "bob", NOW)
        second = appeals.open_appeal(connection, two.id, "not me", "bob", NOW, suspend=True)
        assert appeals.contested(connection, [one.id, two.id]) == {
            one.id: first.id, two.id: second.id,
        }  # fmt: skip
        assert in_force(connection)[one.id] == one
        assert in_force(connection)[two.id].effect == "observe"
        with pytest.raises(InputError, match="open already"):
            appeals.open_appeal(connection, one.id, "again", "bob", NOW)
        assert appeals.reject(connection, second.id, **WHY).state == "rejected"
        assert in_force(connection)[two.id] == two
        assert appeals.listed(connection, state="open") == [first]


def test_upheld_it_falls_with_all_that_rests_on_its_evidence(store: Store) -> None:
    one, same = decided("a", evidence=["finding:run/C1", CLAIM]), decided("b")
    other = decided("c", evidence=["finding:run/C2", CLAIM])
    with store.begin() as connection:
        d.add(connection, [one, same, other], by="alice", now=NOW)
        appeal = appeals.open_appeal(connection, one.id, "not me", "bob", NOW, suspend=True)
        done = appeals.uphold(connection, appeal.id, **WHY, allow_until=NOW + timedelta(days=90))
        assert (done.lifted, done.fell) == (True, (same.id,))
        assert done.evidence == ("finding:run/C1", CLAIM)
        assert done.allow is not None
        left = in_force(connection)
        assert set(left) == {other.id, done.allow.id}
        assert left[other.id].evidence == ("finding:run/C2",)
        assert left[done.allow.id].subject == one.subject
        assert left[done.allow.id].evidence == (f"appeal:{appeal.id[8:]}",)
        with pytest.raises(InputError, match="was upheld"):
            appeals.uphold(connection, appeal.id, **WHY)


def test_upheld_for_one_alone_the_evidence_holds(store: Store) -> None:
    one, same = decided("a"), decided("b")
    with store.begin() as connection:
        d.add(connection, [one, same], by="alice", now=NOW)
        appeal = appeals.open_appeal(connection, one.id, "not me", "bob", NOW)
        done = appeals.uphold(connection, appeal.id, **WHY, others=False)
        assert (done.lifted, done.fell, done.allow) == (True, (), None)
        assert set(in_force(connection)) == {same.id}


def test_one_member_is_let_out_of_a_campaign_that_stays_blocked(store: Store) -> None:
    one = decided("C1", scope="campaign", members=["a", "b"])
    with store.begin() as connection:
        d.add(connection, [one], by="alice", now=NOW)
        appeal = appeals.open_appeal(connection, one.id, "not me", "bob", NOW)
        spared = Subject(Scope.ACCOUNT, "b")
        done = appeals.uphold(connection, appeal.id, **WHY, spared=spared)
        assert not done.lifted
        assert done.allow is not None
        assert (done.allow.subject, done.allow.until) == (spared, one.until)
        assert set(in_force(connection)) == {one.id, done.allow.id}


def test_what_does_not_stand_cannot_be_appealed_but_an_open_appeal_is_still_closed(
    store: Store,
) -> None:
    one = decided()
    with store.begin() as connection:
        d.add(connection, [one], by="alice", now=NOW)
        appeal = appeals.open_appeal(connection, one.id, "not me", "bob", NOW)
        d.lift(connection, one.id, **WHY)
        with pytest.raises(InputError, match="is lifted"):
            appeals.open_appeal(connection, one.id, "not me", "bob", NOW)
        assert not appeals.uphold(connection, appeal.id, **WHY).lifted
        assert [a.act for a in d.acts(connection, one.id)][-1] == "strike"
