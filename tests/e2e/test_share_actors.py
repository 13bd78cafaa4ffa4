"""Actors by the program's own commands: a table at one lab, evaluators over HTTP, tags at another."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from stillwatch.crypto.epoch import Epoch, Evaluator
from stillwatch.crypto.epoch_document import sign, signed
from stillwatch.domain.identifier import Kind, RawIdentifier, oprf_input
from stillwatch.errors import ConfigError, EmptyInput, InputError, PeerError
from stillwatch.hub.setup import initialise
from stillwatch.sharing.identifiers import normalise
from stillwatch.sharing.matching.interface import tag_of
from stillwatch.sharing.matching.labs import Labs as Evaluating
from stillwatch.sharing.matching.record import Record, open_row
from stillwatch.sharing.matching.tagset import TagSet
from stillwatch.sharing.settings import load_settings
from stillwatch.store.database import Store
from tests.databases import sqlite
from tests.evaluating import Panel, evaluators
from tests.sharers import NAMES, Labs, command, labs

TABLE = """\
actor,email,phone,payment,ip,note
one,sw.fixture.one@gmail.com,+49 30 901820,acme:fp_1,8.8.4.4,x
one,sw.fixture.uno@gmail.com,,acme:fp_1,10.0.0.1,
two,not an address,,acme:fp_2,,
three,,,,9.9.9.9,
"""


@pytest.fixture
def forum(tmp_path: Path) -> Iterator[Labs]:
    with sqlite(tmp_path) as url:
        made = initialise(url, tmp_path / "log.key", "hub.test/log")
        with labs(tmp_path, url, tmp_path / "log.key", made.vkey) as opened:
            (tmp_path / "caught.csv").write_text(TABLE)
            yield opened


@contextmanager
def epoch(forum: Labs, name: str) -> Iterator[Panel]:
    """Evaluators run by the three members, and their document at the hub."""
    settings = {who: load_settings(forum.settings(who)) for who in NAMES}
    keys = {who: one.key() for who, one in settings.items()}
    with evaluators(name=name, key=keys["alpha"]) as panel:
        for node in panel.nodes:
            node.keys.update({key.id: key.public for key in keys.values()})
        today = datetime.now(UTC).date()
        seats = tuple(
            Evaluator(n.share.index, settings[who].identity, keys[who].id, n.url,
                      n.share.public.element)
            for who, n in zip(NAMES, panel.nodes, strict=True)
        )  # fmt: skip
        whole = Epoch(name, 2, seats, panel.dealt.public_key, 0, today - timedelta(10),
                      today + timedelta(79))  # fmt: skip
        said = signed(whole, {key.id: sign(whole, key) for key in keys.values()})
        answer = httpx.post(
            f"{forum.world.base}/v1/epochs", json=said, trust_env=False,
            auth=("alpha", forum.world.tokens["alpha"]),
        )  # fmt: skip
        assert answer.status_code == 201, answer.text
        yield replace(panel, epoch=whole)


def find(forum: Labs, who: str, kind: Kind, raw: str) -> list[Record]:
    """Records that a lab opens for a value."""
    settings = load_settings(forum.settings(who))
    made = normalise(kind, RawIdentifier(raw))
    assert isinstance(made, tuple)
    store = Store(settings.store)
    evaluating = Evaluating(settings, store)
    try:
        tagger = evaluating.tagger()
        data = oprf_input(made[0], tagger.epoch.name)
        (output,) = tagger.outputs([data], proven=False)
    finally:
        evaluating.close()
        store.close()
    (found,) = TagSet.open(settings.tags).lookup([tag_of(output)])
    return [open_row(one.row, output, one.publisher, one.epoch) for one in found]


def drafted(forum: Labs, *more: object) -> Any:
    return forum.run("alpha", "actors", forum.folder / "caught.csv", *more)


def test_from_a_table_to_another_labs_tag_set(forum: Labs) -> None:
    made = drafted(forum, "--tactic", "ban-evasion")
    assert [one["kind"] for one in made["drafts"]] == ["actor", "actor"]
    assert (
        made["left"] == ["actor 2: 1 identifiers, none strong enough to match alone"]
        or made["left"]
    )
    assert made["refused"]["email malformed"] == 1
    assert made["refused"]["ip4 private-address"] == 1
    assert made["ignored_columns"] == ["note"]
    shown = forum.run("alpha", "review")
    assert "fixture" not in json.dumps(shown)
    kinds = [one["stays_home"]["identifiers tagged, by kind"] for one in shown]
    assert {"payment": 1} in kinds
    ids = [one["id"] for one in made["drafts"]]
    forum.run(
        "alpha", "review", *(w for i in ids for w in ("--release", i)), "--by", "reviewer"
    )  # fmt: skip
    with epoch(forum, "2026-q4") as panel:
        forum.run("alpha", "pull")
        said = forum.run("alpha", "publish", "--dry-run")
        (pack,) = [one for one in said if "rows" in one]
        assert (pack["rows"], pack["serial"], pack["snapshot"]) == (256, 1, False)
        done = forum.run("alpha", "publish")
        assert sorted(done["stored"]) == sorted(ids)
        assert [one["sha256"] for one in done["packs"]] == [pack["sha256"]]
        assert pack["content"].encode() in b"".join(a.body for a in forum.wire.asked)
        tags = forum.run("beta", "pull")["tags"]
        assert (tags["packs"], tags["rows"], tags["aside"]) == (1, 256, {})
        (record,) = find(forum, "beta", Kind.EMAIL, "SW.Fixture.One@gmail.com")
        assert (record.claim, record.tactic) in {(i, "ban-evasion") for i in ids}
        assert record.kind == "email"
        # the claim goes, and with the next snapshot its rows
        forum.run("alpha", "revoke", record.claim, "--reason", "an error", "--by", "reviewer")
        forum.run("alpha", "publish")
        told = forum.run("alpha", "retag")
        assert (told["tagged"], told["failed"], len(told["stored"])) == (0, [], 1)
        assert told["packs"][0]["snapshot"] is True
        forum.run("beta", "pull")
        assert find(forum, "beta", Kind.EMAIL, "SW.Fixture.One@gmail.com") == []
        assert len(find(forum, "beta", Kind.PAYMENT, "acme:fp_2")) == 1
        wire = b"".join(asked.body for asked in forum.wire.asked)
        wire += b"".join(part for node in panel.nodes for part in node.wire)
        for secret in (b"fixture", b"fp_1", b"901820", b"8.8.4.4"):
            assert secret not in wire


def test_a_new_epoch_is_tagged_into_a_snapshot(forum: Labs) -> None:
    (one, two) = (d["id"] for d in drafted(forum)["drafts"])
    forum.run("alpha", "review", "--release", one, "--release", two, "--by", "reviewer")
    with epoch(forum, "2026-q4"):
        forum.run("alpha", "pull")
        forum.run("alpha", "publish")
    with epoch(forum, "2027-q1"):
        forum.run("alpha", "pull")
        shown = forum.run("alpha", "retag", "--epoch", "2027-q1", "--dry-run")
        assert shown["stored"] == []
        told = forum.run("alpha", "retag", "--epoch", "2027-q1")
        assert told["packs"] == shown["packs"]
        assert [(p["epoch"], p["serial"], p["snapshot"]) for p in told["packs"]] == [
            ("2027-q1", 1, True)
        ]
        assert forum.run("beta", "pull")["tags"]["packs"] == 2


def test_claims_go_out_though_no_evaluator_is_known_and_tags_wait(forum: Labs) -> None:
    ids = [d["id"] for d in drafted(forum)["drafts"]]
    forum.run(
        "alpha", "review", *(w for i in ids for w in ("--release", i)), "--by", "reviewer"
    )  # fmt: skip
    with pytest.raises(PeerError, match=r"no key epoch.*share pull"):
        forum.run("alpha", "publish")
    status = forum.run("alpha", "status")
    assert status["drafts"] == {"published": 2}
    with epoch(forum, "2026-q4"):
        forum.run("alpha", "pull")
        assert len(forum.run("alpha", "publish")["packs"]) == 1


def test_what_cannot_be_used_is_said(forum: Labs) -> None:
    with pytest.raises(ConfigError, match="no column 'actor'"):
        (forum.folder / "other.csv").write_text("account_id,email\na,b@gmail.com\n")
        forum.run("alpha", "actors", forum.folder / "other.csv")
    with pytest.raises(InputError, match="no tactic is named 'dancing'"):
        drafted(forum, "--tactic", "dancing")
    with pytest.raises(InputError, match="is to come"):
        drafted(forum, "--last-seen", "2999-01-01")
    with pytest.raises(InputError, match="no NAME=FIELD"):
        drafted(forum, "--column", "note=nothing")
    with pytest.raises(EmptyInput, match="no identifiers of caught actors"):
        forum.run("beta", "retag")


def test_accounts_of_a_flagged_campaign_are_one_actor(forum: Labs) -> None:
    result = forum.folder / "result"
    result.mkdir()
    said = {
        "kind": "campaign", "campaign_id": "c001", "accounts": ["acct_1", "acct_2"],
        "first_seen": "2026-11-02T03:00:00Z", "last_seen": "2026-11-20T01:00:00Z",
    }  # fmt: skip
    (result / "findings.jsonl").write_text(json.dumps(said) + "\n")
    table = forum.folder / "accounts.csv"
    table.write_text("account_id,payment\nacct_1,acme:a\nacct_2,acme:b\nacct_3,acme:innocent\n")
    made = forum.run("alpha", "actors", table, "--result", result)
    (draft,) = made["drafts"]
    assert draft["origin"].startswith("c001")
    (shown,) = forum.run("alpha", "review")
    assert shown["stays_home"]["identifiers tagged, by kind"] == {"payment": 2}
    assert b"innocent" not in (forum.folder / "alpha" / "share.db").read_bytes()
    shutil.rmtree(result)
    told = command("share", "actors", "--help")
    assert "tags only" in told
