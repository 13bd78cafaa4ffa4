"""What leaves is what the dry run shows, and what the hub did not answer for is sent again."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.note import VerifierKey
from stillwatch.domain.claim import LegalBasis, Tlp
from stillwatch.errors import PeerError
from stillwatch.intel.policy.check import check_claim
from stillwatch.intel.scales import to_day
from stillwatch.intel.stix import from_stix, to_stix
from stillwatch.sharing import publish
from stillwatch.sharing.hub import Hub
from stillwatch.sharing.known import NO_WITNESSES
from stillwatch.sharing.settings import Settings
from stillwatch.store import outbox
from stillwatch.store.database import Store
from stillwatch.store.outbox import Draft
from tests.claims import PUBLISHER, examples
from tests.scripted import Asked, Reply, serving

KEY = SigningKey.from_seed(b"k" * 32)


def settings(url: str, folder: Path) -> Settings:
    return Settings(
        folder / "share.toml", f"{url}/", "alpha", folder / "token",
        VerifierKey("hub.example/log", KEY.public), NO_WITNESSES, PUBLISHER, folder / "key",
        "claims", Tlp.AMBER, (), "abuse-prevention", 60, frozenset(),
        LegalBasis("DE", "gdpr-6-1-f", date(2026, 10, 1)), 6, 0.05, "",
    )  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path}/store.db")
    with opened.begin() as connection:
        for kind in ("campaign", "verdict"):
            body = to_stix(examples()[kind])
            outbox.put(connection, Draft(body["id"], kind, "released", "a result", body, {}))
    yield opened
    opened.close()


def _accepting(asked: Asked) -> Reply:
    objects = json.loads(asked.body)["objects"]
    done = [{"id": o["id"], "version": o["modified"]} for o in objects]
    status = {"id": "1", "status": "complete", "successes": done, "success_count": len(done)}
    return Reply(json.dumps(status).encode(), 202)


def test_the_bytes_on_the_wire_are_those_that_were_shown(tmp_path: Path, store: Store) -> None:
    with serving(_accepting) as server:
        mine = settings(server.url, tmp_path)
        with store.begin() as connection:
            shown = list(publish.envelopes(publish.prepare(connection, mine, KEY).claims))
        with store.begin() as connection:
            prepared = publish.prepare(connection, mine, KEY)
            publish.keep(connection, prepared, mine)
        hub = Hub(mine.url, "alpha", "token")
        done = publish.send(hub, store, mine, prepared.claims)
        hub.close()
    assert len(done.stored) == 2
    assert [asked.body for asked in server.asked] == [one.content for one in shown]
    with store.begin() as connection:
        assert publish.prepare(connection, mine, KEY).claims == ()
        assert outbox.counts(connection) == {"published": 2}


def test_what_was_not_answered_for_is_sent_again_the_same(tmp_path: Path, store: Store) -> None:
    with serving(lambda _: Reply(b"{}", 503)) as server:
        mine = settings(server.url, tmp_path)
        with store.begin() as connection:
            first = publish.prepare(connection, mine, KEY)
            publish.keep(connection, first, mine)
        hub = Hub(mine.url, "alpha", "token")
        with pytest.raises(PeerError):
            publish.send(hub, store, mine, first.claims)
        hub.close()
    with store.begin() as connection:
        assert set(publish.prepare(connection, mine, KEY).claims) == set(first.claims)


def test_what_the_policy_refuses_does_not_leave_and_is_written_down(
    tmp_path: Path, store: Store
) -> None:
    mine = settings("http://127.0.0.1:1", tmp_path)
    body = {**to_stix(examples()["tactic"]), "description": "ask Ms Doe at doe@example.com"}
    with store.begin() as connection:
        outbox.put(connection, Draft(body["id"], "tactic", "released", "x", body, {}))
        prepared = publish.prepare(connection, mine, KEY)
        publish.keep(connection, prepared, mine)
        ((draft, found),) = prepared.refused
        assert (draft.kind, found[0][0]) == ("tactic", "description")
        assert all(b"doe@" not in claim.body for claim in prepared.claims)
        assert outbox.counts(connection) == {"refused": 1, "released": 2}


def test_a_draft_that_lay_for_days_leaves_as_of_today(tmp_path: Path, store: Store) -> None:
    """The hub takes nothing that is backdated; a review may take a fortnight."""
    with store.begin() as connection:
        for draft in outbox.listed(connection, "released"):
            claim = from_stix(draft.body)
            old = datetime.now(UTC).replace(microsecond=0) - timedelta(days=20)
            terms = replace(claim.terms, created=old, modified=old, valid_from=to_day(old))
            outbox.put(connection, replace(draft, body=to_stix(replace(claim, terms=terms))))
    today = to_day(datetime.now(UTC))
    with serving(_accepting) as server:
        mine = settings(server.url, tmp_path)
        with store.begin() as connection:
            prepared = publish.prepare(connection, mine, KEY)
            again = publish.prepare(connection, mine, KEY)
            publish.keep(connection, prepared, mine)
        hub = Hub(mine.url, "alpha", "token")
        publish.send(hub, store, mine, prepared.claims)
        hub.close()
    assert [one.body for one in prepared.claims] == [one.body for one in again.claims]
    for sent in json.loads(server.asked[0].body)["objects"]:
        terms = from_stix(sent).terms
        assert (terms.created, terms.modified, terms.valid_from) == (today, today, today)
        assert check_claim(sent) == []
    with store.begin() as connection:
        assert outbox.counts(connection) == {"published": 2}
