"""Actors reach other labs as tags: once, whole, after any failure, and no further than they may."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import orjson
import pytest

from stillwatch.domain.identifier import Identifier, Kind, NormalForm
from stillwatch.errors import InputError, PeerError
from stillwatch.hub.setup import initialise
from stillwatch.intel.packform import PackLimits
from stillwatch.intel.stix import from_stix
from stillwatch.sharing.matching import packing
from stillwatch.sharing.matching.pack import parse
from stillwatch.sharing.matching.tagging import tag
from stillwatch.store import outbox
from stillwatch.store import tagging as kept
from tests.databases import sqlite
from tests.scripted import Reply
from tests.sharers import Labs, labs
from tests.taggers import InProcess
from tests.tagging import SEEN, TODAY, Lab, address, email


@pytest.fixture
def forum(tmp_path: Path) -> Iterator[Labs]:
    with sqlite(tmp_path) as url:
        made = initialise(url, tmp_path / "log.key", "hub.test/log")
        with labs(tmp_path, url, tmp_path / "log.key", made.vkey) as opened:
            yield opened


@pytest.fixture
def alpha(forum: Labs) -> Lab:
    return Lab(forum, "alpha")


@pytest.fixture
def beta(forum: Labs) -> Lab:
    return Lab(forum, "beta")


ONE = {email("one"), email("uno"), address(1)}
TWO = {email("two"), address(2)}


def test_an_actor_is_recognised_at_another_lab(alpha: Lab, beta: Lab) -> None:
    first, second = sorted(alpha.say({"one": ONE, "two": TWO}))
    done = alpha.share()
    assert [(one.serial, one.rows, one.snapshot) for one in done.stored] == [(1, 256, False)]
    assert done.failed == ()
    pulled = beta.pull()
    assert (pulled.packs, pulled.rows, pulled.fetched) == (1, 256, 1)
    assert (pulled.gaps, pulled.missing, dict(pulled.aside)) == ((), (), {})
    for whose in (ONE, TWO):
        claims = {record.claim for one in whose for record in beta.find(one)}
        assert len(claims) == 1
        assert claims < {first, second}
    (record,) = beta.find(email("one"))
    assert (record.kind, record.tactic, record.confidence) == ("email", "rubric-sweep", 80)
    assert (record.first_seen, record.last_seen) == (SEEN.first, SEEN.last)
    (weak,) = beta.find(address(1))
    assert weak.until == SEEN.last + timedelta(days=14)
    assert beta.find(email("three")) == []
    # proofs were asked for, and nothing that left holds an identifier
    assert alpha.tagger.proofs > 0
    wire = b"".join(asked.body for asked in alpha.labs.wire.asked)
    assert b"mail.example" not in wire
    assert b"192.0.2" not in wire


def test_publishing_again_asks_and_sends_nothing(alpha: Lab) -> None:
    alpha.say({"one": ONE})
    alpha.share()
    asked, sent = list(alpha.tagger.asked), len(alpha.labs.wire.asked)
    assert alpha.share() == packing.Shipped((), ())
    assert alpha.tagger.asked == asked
    assert len(alpha.labs.wire.asked) == sent


def test_only_claims_in_the_log_are_tagged(alpha: Lab) -> None:
    (stix,) = alpha.catch({"one": ONE})
    waiting = alpha.prepare()
    assert (waiting.tagged.made, waiting.packs) == (0, ())
    assert sum(waiting.tagged.left.values()) == len(ONE)
    # a dry run shows what would leave, and what leaves is that
    alpha.labs.run("alpha", "review", "--release", stix, "--by", "reviewer")
    (shown,) = alpha.prepare(released=True).packs
    assert alpha.publish() == (stix,)
    (stored,) = alpha.share().stored
    assert (stored.sha256, stored.body) == (shown.sha256, shown.body)
    assert alpha.tagger.asked == [len(ONE)]


def test_a_pack_whose_claim_was_refused_never_leaves(alpha: Lab) -> None:
    stix, other = alpha.catch({"one": ONE, "two": TWO})
    alpha.labs.run("alpha", "review", "--release", stix, "--by", "reviewer")
    alpha.labs.run("alpha", "review", "--release", other, "--by", "reviewer")
    (shown,) = alpha.prepare(released=True).packs
    with alpha.store() as store, store.begin() as connection:
        held = {row.claim for row in kept.rows_of(connection, "2026-q4")}
        assert {stix, other} < held
    # the hub takes one of the two only
    _keep_home(alpha, other)
    assert alpha.publish() == (stix,)
    (stored,) = alpha.share().stored
    assert stored.sha256 != shown.sha256
    with alpha.store() as store, store.begin() as connection:
        rows = [row for row in kept.rows_of(connection, "2026-q4") if row.pack]
        assert {row.claim for row in rows} == {stix, ""}


def _keep_home(lab: Lab, stix: str) -> None:
    """A person has a doubt after the release."""
    with lab.store() as store, store.begin() as connection:
        (draft,) = [d for d in outbox.listed(connection, "released") if d.stix_id == stix]
        outbox.move(connection, draft, "refused", "refuse", "reviewer", "a doubt")


@pytest.mark.parametrize(
    ("where", "lost"),
    [("/v1/packs", False), ("/v1/packs", True), ("/objects/", False), ("/objects/", True)],
)
def test_the_same_bytes_go_out_after_a_failure(alpha: Lab, where: str, lost: bool) -> None:
    """Whether the hub never heard of them, or its answer was lost."""
    alpha.say({"one": ONE})
    (ready,) = alpha.prepare().packs

    def fail(asked, onward) -> Reply:
        if where not in asked.path or not asked.body:
            return onward()
        if lost:
            onward()
        return Reply(b"{}", 503)

    alpha.labs.disturb.append(fail)
    with pytest.raises(PeerError, match="503"):
        alpha.send()
    alpha.labs.disturb.clear()
    (again,) = alpha.prepare().packs
    assert again == ready
    (stored,) = alpha.send().stored
    assert (stored.sha256, stored.serial) == (ready.sha256, 1)
    bodies = {asked.body for asked in alpha.labs.wire.asked if asked.path.endswith("/v1/packs")}
    assert bodies == {ready.content}
    assert alpha.share() == packing.Shipped((), ())


def test_tagging_goes_on_where_it_was_interrupted(
    alpha: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stillwatch.sharing.matching.tagging.BATCH", 3)
    alpha.say({f"actor {n}": {email(f"n{n}")} for n in range(7)})
    alpha.tagger.fails_after = 2
    with pytest.raises(PeerError, match="quorum"):
        alpha.prepare()
    assert alpha.tagger.asked == [3, 3]
    alpha.tagger.fails_after = None
    done = alpha.prepare()
    assert alpha.tagger.asked == [3, 3, 1]
    assert (done.tagged.made, done.tagged.there) == (1, 6)
    assert len(done.packs) == 1


def test_a_snapshot_leaves_out_the_dead_and_keeps_the_rest(alpha: Lab, beta: Lab) -> None:
    first, second = alpha.say({"one": ONE, "two": TWO})
    alpha.share()
    beta.pull()
    before = {bytes(row) for one in beta.settings.tags.glob("*.pack")
              for row in parse(one.read_bytes())}  # fmt: skip
    gone = next(iter(beta.find(email("one")))).claim
    alpha.labs.run("alpha", "revoke", gone, "--reason", "an error", "--by", "reviewer")
    alpha.publish()
    alpha.prepare()
    with alpha.store() as store, store.begin() as connection:
        assert kept.holders(connection) == [({first, second} - {gone}).pop()]
    (snapshot,) = alpha.share(snapshot=True).stored
    assert (snapshot.serial, snapshot.snapshot, snapshot.rows) == (2, True, 256)
    assert alpha.tagger.asked == [len(ONE) + len(TWO)]  # what is known is not asked again
    pulled = beta.pull()
    assert (pulled.packs, pulled.rows, pulled.dropped) == (1, 256, 1)
    assert dict(pulled.aside) == {"a later snapshot replaces it": 1}
    assert beta.find(email("one")) == []
    assert len(beta.find(email("two"))) == 1
    (path,) = beta.settings.tags.glob("*.pack")
    after = {bytes(row) for row in parse(path.read_bytes())}
    # with the three rows that went, dummies went: nobody can tell which are which, or how many
    assert 2 * len(ONE) + 16 <= len(before - after) <= 2 * len(ONE) + 48
    assert len(before & after) == 256 - len(before - after)


def test_a_snapshot_of_nothing_takes_everything_back(alpha: Lab, beta: Lab) -> None:
    (stix,) = alpha.say({"one": ONE})
    alpha.share()
    alpha.labs.run("alpha", "revoke", stix, "--reason", "an error", "--by", "reviewer")
    alpha.publish()
    (snapshot,) = alpha.share(snapshot=True).stored
    assert snapshot.rows == 256
    beta.pull()
    assert beta.find(email("one")) == []


def test_rotation_tags_everything_anew(alpha: Lab, beta: Lab) -> None:
    alpha.say({"one": ONE})
    alpha.share()
    fresh = InProcess("2027-q1", days=150)
    (snapshot,) = alpha.share(snapshot=True, tagger=fresh).stored
    assert (snapshot.epoch, snapshot.serial, snapshot.snapshot) == ("2027-q1", 1, True)
    assert sum(fresh.asked) == len(ONE)
    beta.pull()
    assert len(beta.find(email("one"))) == len(beta.find(email("one"), fresh)) == 1
    old, new = ({row.tag for row in parse(path.read_bytes())}
                for path in beta.settings.tags.glob("*.pack"))  # fmt: skip
    assert not old & new


def test_an_epoch_that_ended_is_not_tagged_under(alpha: Lab) -> None:
    alpha.say({"one": ONE})
    with pytest.raises(InputError, match="ended on"):
        alpha.prepare(tagger=InProcess("old", days=-1))


def test_the_claim_ends_with_its_epoch(alpha: Lab) -> None:
    alpha.say({"one": ONE})
    (one,) = alpha.prepare(tagger=InProcess("short", days=3)).packs
    claim = from_stix(orjson.loads(one.body))
    assert claim.terms.valid_until.date() == TODAY + timedelta(days=4)


def test_what_was_seen_too_long_ago_is_counted_and_stays(alpha: Lab) -> None:
    old = replace(SEEN, first=TODAY - timedelta(days=99), last=TODAY - timedelta(days=30))
    alpha.say({"one": ONE}, old)
    done = alpha.prepare()
    assert (done.tagged.made, dict(done.tagged.left)) == (
        2, {"it was seen too long ago for its kind": 1},
    )  # fmt: skip


def test_a_changed_record_goes_into_the_next_pack(alpha: Lab, beta: Lab) -> None:
    alpha.say({"one": ONE})
    alpha.share()
    later = replace(SEEN, last=TODAY)
    assert alpha.catch({"one": {email("one"), email("new")}}, later) == []
    (second,) = alpha.share().stored
    assert second.serial == 2
    beta.pull()
    assert [r.last_seen for r in beta.find(email("new"))] == [TODAY]
    assert sorted(r.last_seen for r in beta.find(email("one"))) == [SEEN.last, TODAY]
    alpha.share(snapshot=True)
    beta.pull()
    assert [r.last_seen for r in beta.find(email("one"))] == [TODAY]


def test_many_rows_make_several_packs_with_one_snapshot(alpha: Lab, beta: Lab) -> None:
    alpha.say({f"actor {n}": {email(f"n{n}")} for n in range(300)})
    with alpha.store() as store:
        tag(store, alpha.tagger, alpha.settings.identity)
        limits = PackLimits(rows=256)
        made = packing.pack_up(
            store, alpha.settings, alpha.key, alpha.tagger.epoch, snapshot=True, limits=limits
        )
    assert [(one.serial, one.snapshot, one.rows) for one in made] == [
        (1, True, 256),
        (2, False, 256),
    ]
    assert len(alpha.send().stored) == 2
    assert beta.pull().rows == 512
    assert all(len(beta.find(email(f"n{n}"))) == 1 for n in range(0, 300, 29))


def test_a_store_that_was_lost_does_not_use_a_serial_twice(alpha: Lab, beta: Lab) -> None:
    alpha.say({"one": ONE})
    alpha.share()
    for name in ("share.db", "share.db-wal", "share.db-shm"):
        (alpha.settings.path.parent / name).unlink(missing_ok=True)
    alpha.say({"two": TWO})
    refused = alpha.share()
    assert "the next of this publisher and epoch is 2" in refused.failed[0][1]
    alpha.pull()
    (stored,) = alpha.share().stored
    assert stored.serial == 2
    beta.pull()
    assert len(beta.find(email("one"))) == len(beta.find(email("two"))) == 1


def test_packs_of_one_actor_and_of_many_look_alike(alpha: Lab) -> None:
    """Size, order and bytes say nothing of how many actors or which rows."""
    alpha.say({"one": {email(f"a{n}") for n in range(60)}})
    (single,) = alpha.prepare().packs
    alpha.send()
    alpha.say({f"actor {n}": {email(f"b{n}")} for n in range(60)})
    (many,) = alpha.prepare().packs
    assert len(single.content) == len(many.content)
    with alpha.store() as store, store.begin() as connection:
        rows = kept.rows_of(connection, "2026-q4")
    for pack in (single, many):
        order = [bytes(row) for row in parse(pack.content)]
        real = sorted(order.index(row.row) for row in rows if row.claim and row.pack == pack.sha256)
        assert len(real) == 60
        # among 196 dummies neighbours are as frequent as chance has it: 14 expected, 60 at most
        assert sum(b - a == 1 for a, b in pairwise(real)) < 32
        assert real[0] < 40
        assert real[-1] > 216
    # one question for all: when one was asked for says nothing
    assert alpha.tagger.asked == [60, 60]


def test_no_identifier_is_in_what_is_shown_or_kept_for_others(alpha: Lab) -> None:
    card = Identifier(Kind.PAYMENT, NormalForm("acme:fp_77aa"))
    alpha.catch({"one": {*ONE, card}})
    (shown,) = alpha.labs.run("alpha", "review")
    kinds = shown["stays_home"]["identifiers tagged, by kind"]
    assert kinds == {"email": 2, "ip4": 1, "payment": 1}
    text = orjson.dumps(shown)
    assert b"mail.example" not in text
    assert b"fp_77aa" not in text
    assert "mail.example" not in repr(alpha.prepare(released=True))
    path = alpha.settings.store.removeprefix("sqlite:///")
    with sqlite3.connect(path) as raw:
        for table in ("drafts", "acts", "published", "tagged", "own_packs", "traces"):
            told = repr(raw.execute(f"select * from {table}").fetchall())
            assert "mail.example" not in told, table
