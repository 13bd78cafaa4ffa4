"""The board: every received claim as it stands here, whatever hub and publisher say of it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stillwatch.intel.objects import format_time, to_micros
from stillwatch.intel.stix import to_stix
from stillwatch.sharing.board import Entry, board
from stillwatch.store import inbox
from stillwatch.store.database import Store
from stillwatch.store.inbox import Received
from tests.claims import PUBLISHER, examples

AT = datetime(2026, 11, 26, 12, tzinfo=UTC)
BODY = to_stix(examples()["campaign"])
ID, HUB = BODY["id"], "https://hub.example/"
LATER = format_time(to_micros(datetime(2026, 11, 22, tzinfo=UTC)))


def received(signed: bool = True, index: int = 7, **changes: Any) -> Received:
    body = {**BODY, **changes}
    return Received(
        HUB, "c", body["id"], body["modified"], index, PUBLISHER, "campaign", signed, body
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path}/share.db")
    with opened.begin() as connection:
        inbox.keep(connection, [received()])
    yield opened
    opened.close()


def the_one(store: Store, at: datetime = AT) -> Entry:
    with store.begin() as connection:
        (entry,) = board(connection, ID, at)
    return entry


def stands(store: Store, **said: Any) -> None:
    with store.begin() as connection:
        inbox.set_standing(connection, HUB, [("c", ID, said)])


def apart(store: Store, **changes: Any) -> None:
    with store.begin() as connection:
        inbox.keep_apart(
            connection, [(received(index=9, **changes), (("name", "is no code name"),))]
        )


def test_a_claim_nobody_spoke_of_counts_what_its_publisher_says(store: Store) -> None:
    entry = the_one(store)
    assert (entry.state, entry.weight.value) == ("current", 0.75)
    assert entry.record()["leaf"] == 7
    assert entry.item().weight == 0.75


def test_what_distinct_members_say_moves_the_weight(store: Store) -> None:
    stands(store, state="current", confirm=1, dispute=1, refute=0)
    entry = the_one(store)
    assert (entry.confirmed, entry.disputed, entry.refuted) == (1, 1, 0)
    assert entry.weight.value == pytest.approx(0.875 * 2 / 3, abs=0.01)


@pytest.mark.parametrize("state", ["frozen", "compromised", "expired", "revoked"])
def test_a_state_of_the_hub_takes_the_weight_away(store: Store, state: str) -> None:
    stands(store, state=state, confirm=9)
    assert (the_one(store).state, the_one(store).weight.value) == (state, 0)


def test_a_hub_cannot_keep_alive_what_has_ended(store: Store) -> None:
    stands(store, state="current", confirm=9)
    entry = the_one(store, datetime(2027, 2, 18, tzinfo=UTC))
    assert (entry.state, entry.weight.value) == ("expired", 0)


@pytest.mark.parametrize("count", [-1, 10_000, "9", None, 2.5, [1]])
def test_a_figure_of_the_hub_that_is_none_counts_nothing(store: Store, count: object) -> None:
    stands(store, state="current", confirm=count)
    assert (the_one(store).confirmed, the_one(store).weight.value) == (0, 0.75)


def test_a_version_kept_apart_replaces_and_is_not_believed(store: Store) -> None:
    apart(store, modified=LATER, name="Ask Jane")
    entry = the_one(store)
    assert (entry.state, entry.weight.value) == ("replaced", 0)
    assert entry.record()["name"] == BODY["name"]


def test_a_version_kept_apart_that_takes_back_revokes(store: Store) -> None:
    apart(store, modified=LATER, name="Ask Jane", revoked=True)
    assert the_one(store).state == "revoked"


def test_a_version_kept_apart_from_before_changes_nothing(store: Store) -> None:
    early = format_time(to_micros(AT - timedelta(days=30)))
    apart(store, modified=early, name="Ask Jane", revoked=True)
    assert the_one(store).state == "current"


def test_the_publishers_word_is_the_last(store: Store) -> None:
    with store.begin() as connection:
        inbox.keep(connection, [received(modified=LATER, revoked=True)])
    stands(store, state="current", confirm=9)
    assert (the_one(store).state, the_one(store).weight.value) == ("revoked", 0)


def test_what_is_unsigned_is_a_lead_and_does_not_end_by_a_term_of_ours(store: Store) -> None:
    other = {**BODY, "id": "campaign--00000000-0000-4000-8000-000000000001", "extensions": {}}
    feed = Received("https://feed.example/", "f", other["id"], BODY["modified"], -1, "", "campaign",
                    False, {**other, "confidence": "high"})  # fmt: skip
    with store.begin() as connection:
        inbox.keep(connection, [feed])
        (entry,) = board(connection, other["id"], AT)
    assert (entry.state, entry.weight.value, entry.record()["leaf"]) == ("current", 0, None)
    with store.begin() as connection:
        assert len(board(connection, at=AT)) == 2
