"""Decisions fall, or wait, with the claims they rest on."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from stillwatch.intel.stix import to_stix
from stillwatch.sharing.resting import Settled, settle
from stillwatch.store import decisions as d
from stillwatch.store import inbox
from stillwatch.store.database import Store
from stillwatch.store.inbox import Received
from tests.claims import PUBLISHER, examples
from tests.decided import NOW, decided, in_force

BODY = to_stix(examples()["campaign"])
ID, HUB = BODY["id"], "https://hub.example/"
ALONE = decided("a", effect="challenge", evidence=[ID])
WITH = decided("b", evidence=[ID, "finding:run/C1"])
PERSON = decided("c", evidence=[ID], origin="person:alice")


def keep(store: Store, signed: bool = True, hub: str = HUB, **changes: Any) -> None:
    body = {**BODY, **changes}
    one = Received(hub, "c", ID, body["modified"], 7, PUBLISHER, "campaign", signed, body)
    with store.begin() as connection:
        inbox.keep(connection, [one])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path}/share.db")
    keep(opened)
    with opened.begin() as connection:
        d.add(connection, [ALONE, WITH, PERSON], by="alice", now=NOW)
    yield opened
    opened.close()


def settled(store: Store, **standing: Any) -> Settled:
    with store.begin() as connection:
        if standing:
            inbox.set_standing(connection, HUB, [("c", ID, standing)])
        return settle(connection, NOW)


@pytest.mark.parametrize("standing", [{"state": "revoked"}, {"state": "compromised"}])
def test_a_claim_that_counts_no_more_is_struck(store: Store, standing: dict[str, Any]) -> None:
    (one,) = settled(store, **standing).undone
    assert (one.claim, set(one.fell), one.stay) == (ID, {ALONE.id, PERSON.id}, 1)
    with store.begin() as connection:
        assert in_force(connection)[WITH.id].evidence == ("finding:run/C1",)
    assert settled(store) == Settled()


@pytest.mark.parametrize(
    "standing",
    [
        {"state": "current"},
        {"state": "disputed", "dispute": 1},
        {"state": "disputed", "refute": 1, "confirm": 1},
        {"state": "suspended"},
        {"state": "expired"},
    ],
)
def test_what_still_counts_or_ran_out_undoes_nothing(
    store: Store, standing: dict[str, Any]
) -> None:
    assert settled(store, **standing) == Settled()
    with store.begin() as connection:
        assert set(in_force(connection)) == {ALONE.id, WITH.id, PERSON.id}


@pytest.mark.parametrize(
    "standing",
    [
        {"state": "frozen"},
        {"state": "disputed", "refute": 1},
        {"state": "disputed", "refute": 2, "confirm": 1},
    ],
)
def test_what_rests_on_a_frozen_or_refuted_claim_alone_observes_until_it_counts(
    store: Store, standing: dict[str, Any]
) -> None:
    done = settled(store, **standing)
    assert (done.undone, set(done.suspended)) == ((), {ALONE.id, PERSON.id})
    assert settled(store) == Settled()
    with store.begin() as connection:
        effects = {id_: one.effect for id_, one in in_force(connection).items()}
        assert effects == {ALONE.id: "observe", WITH.id: "block", PERSON.id: "observe"}
    assert set(settled(store, state="current").restored) == {ALONE.id, PERSON.id}
    with store.begin() as connection:
        assert in_force(connection) == {one.id: one for one in (ALONE, WITH, PERSON)}


def test_a_frozen_claim_that_is_then_taken_back_falls_for_good(store: Store) -> None:
    settled(store, state="frozen")
    (one,) = settled(store, state="revoked").undone
    assert set(one.fell) == {ALONE.id, PERSON.id}
    assert settled(store, state="current") == Settled()


def test_an_appeal_here_and_one_at_the_hub_hold_until_both_are_closed(store: Store) -> None:
    why = {"by": "bob", "reason": "x", "now": NOW}
    with store.begin() as connection:
        d.suspend(connection, [ALONE.id], "appeal--1", **why)
    assert set(settled(store, state="frozen").suspended) == {PERSON.id}
    assert set(settled(store, state="current").restored) == {PERSON.id}
    with store.begin() as connection:
        assert in_force(connection)[ALONE.id].effect == "observe"
        d.restore(connection, [ALONE.id], "appeal--1", **why)
        assert in_force(connection)[ALONE.id] == ALONE


def test_what_nobody_signed_undoes_nothing(store: Store) -> None:
    later = "2026-11-25T00:00:00.000Z"
    keep(store, signed=False, hub="file:x", revoked=True, modified=later)
    assert settled(store) == Settled()
    keep(store, hub="https://other.example/", revoked=True, modified=later)
    assert settled(store) == Settled()  # at the first hub it counts
    keep(store, revoked=True, modified=later)
    assert [one.claim for one in settled(store).undone] == [ID]


def test_two_frozen_claims_hold_only_together(store: Store) -> None:
    other = "campaign--bbbbbbbb-0000-4000-8000-000000000002"
    both = decided("d", effect="challenge", evidence=[ID, other])
    with store.begin() as connection:
        d.add(connection, [both], by="alice", now=NOW)
        held, _ = d.freeze(connection, {ID}, by="x", now=NOW)
        assert both.id not in held
        held, _ = d.freeze(connection, {ID, other}, by="x", now=NOW)
        assert held == [both.id]
        _, free = d.freeze(connection, {other}, by="x", now=NOW + timedelta(1))
        assert both.id in free
