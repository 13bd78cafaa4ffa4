"""The lab's own database: private, of one version, whole or not at all."""

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from stillwatch.errors import ConfigError, StoredDataError
from stillwatch.store import inbox, outbox
from stillwatch.store.database import Store
from stillwatch.store.inbox import Received
from stillwatch.store.outbox import Draft, Sent
from tests.databases import postgresql

DRAFT = Draft("campaign--1", "campaign", "waiting", "a result", {"id": "campaign--1"}, {"ids": 7})


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        opened = Store(f"sqlite:///{tmp_path}/lab/share.db")
        yield opened
        opened.close()
        return
    with postgresql() as url:
        opened = Store(url)
        yield opened
        opened.close()


def received(modified: str, hub: str = "h", **body: object) -> Received:
    return Received(hub, "c", "campaign--2", modified, 3, "identity--1", "campaign", True, body)


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/lab/share.db")
    with store.begin() as connection:
        outbox.put(connection, DRAFT)
    for path in (tmp_path / "lab").iterdir():  # the log beside it, too
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert stat.S_IMODE((tmp_path / "lab").stat().st_mode) == 0o700
    secret = store.secret
    store.close()
    again = Store(f"sqlite:///{tmp_path}/lab/share.db")
    assert (len(secret), again.secret) == (32, secret)
    again.close()


def test_a_store_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "share.db"
    Store(f"sqlite:///{path}").close()
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("update settings set value = '99' where name = 'version'")
    with pytest.raises(StoredDataError, match="version 99, not 3"):
        Store(f"sqlite:///{path}")


def test_what_is_no_store_is_an_error_that_shows_no_password(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text(
        "no database at all, but long enough to be taken for one\n" * 99
    )
    with pytest.raises(ConfigError, match=r"text\.db cannot be opened"):
        Store(f"sqlite:///{tmp_path}/text.db")
    with pytest.raises(ConfigError) as refused:
        Store("postgresql://lab:hunter2@127.0.0.1:1/share")
    assert "hunter2" not in str(refused.value)


def test_a_transaction_is_kept_whole_or_not_at_all(store: Store) -> None:
    def cut_off() -> None:
        with store.begin() as connection:
            outbox.put(connection, DRAFT)
            outbox.trace(connection, "campaign--1", [b"tag"])
            inbox.keep(connection, [received("2026-01-01T00:00:00Z")])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        cut_off()
    with store.begin() as connection:
        assert outbox.counts(connection) == {}
        assert outbox.traced(connection, [b"tag"]) == {}
        assert inbox.newest(connection) == []


def test_drafts_move_and_every_act_is_written_down(store: Store) -> None:
    with store.begin() as connection:
        outbox.put(connection, DRAFT)
        outbox.put(connection, DRAFT)  # the same claim: one draft
        outbox.move(connection, DRAFT, "released", "release", "reviewer", "fine")
        assert outbox.counts(connection) == {"released": 1}
        (kept,) = outbox.listed(connection, "released")
        assert (kept.body, kept.stays) == (DRAFT.body, DRAFT.stays)
        outbox.record(connection, "campaign--1", "edit", "other")
        acts = [(one["act"], one["by"], one["detail"]) for one in outbox.history(connection)]
    assert acts == [("release", "reviewer", "fine"), ("edit", "other", "")]


def test_what_was_sent_is_found_by_state_and_the_newest_stored_wins(store: Store) -> None:
    old = Sent("campaign--1", "2026-01-01T00:00:00Z", "c", b"{}", "stored", "")
    new = Sent("campaign--1", "2026-01-02T00:00:00Z", "c", b"{}", "sent", "")
    with store.begin() as connection:
        outbox.sent(connection, "h", [old, new])
        assert outbox.outgoing(connection, "h", "sent") == [new]
        assert outbox.outgoing(connection, "other") == []
        assert outbox.last_published(connection, "campaign--1") == old


def test_traces_find_a_campaign_by_its_accounts(store: Store) -> None:
    many = [n.to_bytes(4, "big") for n in range(1200)]  # more than one query asks for
    with store.begin() as connection:
        outbox.trace(connection, "campaign--1", many)
        outbox.trace(connection, "campaign--1", many[:5])
        outbox.trace(connection, "campaign--2", many[:7])
        assert outbox.traced(connection, many) == {"campaign--1": 1200, "campaign--2": 7}
        assert outbox.traced(connection, [b"unseen"]) == {}


def test_received_versions_are_kept_once_and_apart_from_unlawful_ones(store: Store) -> None:
    first, second = received("2026-01-01T00:00:00Z"), received("2026-01-02T00:00:00Z", n=2)
    bad, why = received("2026-01-03T00:00:00Z", revoked=True), (("name", "is a name"),)
    with store.begin() as connection:
        assert inbox.keep(connection, [first, second, first]) == 2
        assert inbox.keep(connection, [second]) == 0
        assert inbox.keep_apart(connection, [(bad, why)]) == [("campaign--2", why)]
        assert inbox.keep_apart(connection, [(bad, why)]) == []
        assert inbox.newest(connection) == [second]
        (one,) = inbox.set_apart(connection)
        assert (one.stix_id, one.revoked, one.reasons) == ("campaign--2", True, why)


def test_what_rests_on_a_claim_is_known_until_it_is_let_go(store: Store) -> None:
    with store.begin() as connection:
        for what in ("rule 1", "rule 2", "rule 1"):
            inbox.rely(connection, "indicator--1", what)
        assert sorted(inbox.relied_on(connection)["indicator--1"]) == ["rule 1", "rule 2"]
        inbox.release(connection, "indicator--1", "rule 1")
        assert inbox.resting_on(connection, ["indicator--1", "x"]) == {"indicator--1": ["rule 2"]}
