"""What a person decides is checked, done and written down together."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stillwatch.domain.claim import Tlp
from stillwatch.errors import InputError, PolicyRefused
from stillwatch.intel.stix import from_stix, to_stix
from stillwatch.sharing import acts
from stillwatch.store import outbox
from stillwatch.store.database import Store
from stillwatch.store.outbox import Draft
from tests.claims import examples
from tests.unit.sharing.test_publish import settings

OURS = settings("https://hub.example", Path())
BODY = to_stix(examples()["campaign"])
ID = BODY["id"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path}/share.db")
    with opened.begin() as connection:
        outbox.put(connection, Draft(ID, "campaign", "waiting", "a result", BODY, {"ids": 9}))
    yield opened
    opened.close()


def test_conditions_of_a_draft_are_changed_and_nothing_else(store: Store) -> None:
    changes = {
        "tlp": "Green", "groups": "labs, banks", "recipients": "", "until": "2027-01-05",
        "confidence": "40",
    }  # fmt: skip
    with store.begin() as connection:
        acts.edit(connection, OURS, ID, changes, "reviewer")
        draft = acts.waiting(connection, ID)
        (act,) = outbox.history(connection, ID)
    before, after = examples()["campaign"].terms, from_stix(draft.body).terms
    assert (after.tlp, after.groups, after.confidence) == (Tlp.GREEN, ("banks", "labs"), 40)
    assert after.valid_until == datetime(2027, 1, 5, tzinfo=UTC)
    assert (after.claim_id, after.modified) == (before.claim_id, before.modified)
    assert draft.stays == {"ids": 9}
    assert (act["act"], act["by"]) == ("edit", "reviewer")
    assert "tlp=Green" in act["detail"]


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("tlp", "pink", InputError),
        ("until", "soon", InputError),
        ("confidence", "high", InputError),
        ("name", "x", InputError),
        ("confidence", "41", PolicyRefused),  # not on the scale
        ("until", "2020-01-01", PolicyRefused),  # before it begins
        ("groups", "ask jane@example.com", PolicyRefused),
    ],
)
def test_what_may_not_leave_is_not_kept(
    store: Store, name: str, value: str, error: type[Exception]
) -> None:
    with store.begin() as connection:
        with pytest.raises(error):
            acts.edit(connection, OURS, ID, {name: value}, "reviewer")
        assert acts.waiting(connection, ID).body == BODY
        assert outbox.history(connection) == []


def test_only_what_waits_is_decided_and_once(store: Store) -> None:
    with store.begin() as connection:
        acts.release(connection, ID, "reviewer", "fine")
        for act in (acts.release, acts.refuse):
            with pytest.raises(InputError, match="waits for review"):
                act(connection, ID, "reviewer", "again")
        with pytest.raises(InputError, match="waits for review"):
            acts.edit(connection, OURS, ID, {"tlp": "red"}, "reviewer")
        with pytest.raises(InputError, match="is published"):
            acts.revoke(connection, ID, "reviewer", "never published")
        assert [one["act"] for one in outbox.history(connection)] == ["release"]
