"""Every kind of damage to a hub's database is found, on both databases, and by a member's client."""

import json

import pytest
import typer
from sqlalchemy import delete, insert, select, update
from typer.testing import CliRunner

from stillwatch.cli.hub.fsck import fsck
from stillwatch.crypto import statements
from stillwatch.crypto.keys import SigningKey
from stillwatch.crypto.merkle import Frontier
from stillwatch.crypto.note import Checkpoint, cosign, cosigner, sign_note
from stillwatch.crypto.records import claim_record, entry
from stillwatch.errors import ConfigError, NotTrusted, StillwatchError, StoredDataError
from stillwatch.hub.fsck.check import check
from stillwatch.hub.fsck.report import Fault, Report
from stillwatch.hub.schema import (
    audiences,
    checkpoints,
    collections,
    cosignatures,
    keys,
    leaves,
    meta,
    objects,
    tiles,
)
from tests.forum import Forum
from tests.memory_hub import AT, claim


@pytest.fixture
def forum(database, key_file) -> Forum:
    """Two members, a rotation, a suspension that ended, and 270 claims."""
    forum = Forum(database, key_file).open("alpha", "beta")
    forum.say("alpha", 1)
    forum.rotate("alpha", 901)
    forum.say("alpha", 1, 2)
    forum.say("alpha", 2, revoked=True)
    beta = forum.members["beta"].identity
    forum.state("beta", statements.suspend(beta, forum.keys["beta"].id, AT))
    forum.state("beta", statements.restore(beta, forum.keys["beta"].id, AT))
    forum.many("beta", 270)
    return forum


def run(forum: Forum, url: str) -> Report:
    return check(database=url, vkey=str(forum.signer.vkey))


def change(forum: Forum, *work) -> None:
    with forum.database.write() as connection:
        for one in work:
            connection.execute(one)


def kinds(report: Report) -> set[str]:
    return {fault.kind for fault in report.faults}


def test_a_sound_hub_holds(forum, database_url):
    report = run(forum, database_url)
    assert report.faults == []
    assert report.holds
    assert report.size == 278
    assert report.looked_at == {
        "checkpoints": 10, "entries": 278, "claims": 273, "statements": 5, "tiles": 3, "keys": 3,
    }  # fmt: skip
    assert report.notes == []


def test_a_log_without_entries_holds(made, database_url):
    assert made.fresh
    report = check(database=database_url)
    assert (report.faults, report.size) == ([], 0)
    assert "taken from the database itself" in report.notes[0]


def test_a_changed_object_is_found(forum, database_url):
    with forum.database.read() as connection:
        seq, body = connection.execute(
            select(objects.c.seq, objects.c.body).where(objects.c.version == 1_700_000_002_000_000)
        ).one()
    change(
        forum,
        update(objects).where(objects.c.seq == seq).values(
            body=bytes(body).replace(b"amber heron", b"amber crane")
        ),
    )  # fmt: skip
    report = run(forum, database_url)
    assert kinds(report) == {"record", "signature"}
    fault = report.faults[0]
    assert fault.where.startswith(f"object {seq} (leaf 4, campaign--")
    assert "leaf 4 stands for" in fault.message
    assert fault.expected != fault.found


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"body": b"{"}, "object"),
        ({"stix_id": "campaign--x"}, "object"),
        ({"version": 7}, "object"),
        ({"date_added": 9_000_000_000_000_000}, "order"),
        ({"date_added": 1}, "order"),
    ],
)
def test_a_changed_row_of_an_object_is_found(forum, database_url, values, kind):
    with forum.database.read() as connection:
        seq = connection.scalar(select(objects.c.seq).order_by(objects.c.seq).offset(5).limit(1))
    change(forum, update(objects).where(objects.c.seq == seq).values(**values))
    assert kind in kinds(run(forum, database_url))


def test_a_changed_leaf_is_found(forum, database_url):
    change(forum, update(leaves).where(leaves.c.index == 2).values(entry=b"x" * 48))
    report = run(forum, database_url)
    assert {"record", "audience", "tile", "checkpoint"} <= kinds(report)
    tile = next(fault for fault in report.faults if fault.kind == "tile")
    assert tile.where == "tile 0/000"
    assert "from leaf 2" in tile.message


def test_a_changed_tile_is_found(forum, database_url):
    change(
        forum, update(tiles).where(tiles.c.level == 0, tiles.c.index == 1).values(hashes=b"x" * 704)
    )
    report = run(forum, database_url)
    assert [(f.kind, f.where) for f in report.faults] == [("tile", "tile 0/001.p/22")]
    change(forum, update(tiles).where(tiles.c.level == 0, tiles.c.index == 1).values(hashes=b"x"))
    assert "wrong length" in run(forum, database_url).faults[0].message
    change(forum, delete(tiles).where(tiles.c.level == 1))
    assert any(f.message == "it is missing" for f in run(forum, database_url).faults)
    change(forum, insert(tiles).values(level=3, index=0, hashes=b"x" * 32))
    change(forum, insert(tiles).values(level=3, index=1, hashes=b"x" * 32))
    assert any("more than the tree has" in f.message for f in run(forum, database_url).faults)


def test_a_changed_checkpoint_is_found(forum, database_url):
    with forum.database.read() as connection:
        note = connection.scalar(select(checkpoints.c.note).where(checkpoints.c.size == 4))
    for changed, says in (
        (note.replace("\n4\n", "\n5\n"), "does not verify"),
        ("no note", "no signed note"),
        (
            sign_note(note.partition("\n\n")[0] + "\n", "hub.test/log", forum.keys["beta"]),
            "not signed",
        ),
    ):
        change(forum, update(checkpoints).where(checkpoints.c.size == 4).values(note=changed))
        report = run(forum, database_url)
        assert [(f.kind, f.where) for f in report.faults] == [("checkpoint", "checkpoint 4")]
        assert says in report.faults[0].message


def test_a_checkpoint_whose_time_goes_back_is_found(forum, database_url):
    change(forum, update(checkpoints).where(checkpoints.c.size == 4).values(made=1))
    assert run(forum, database_url).faults == [
        Fault("checkpoint", "checkpoint 4", "its time goes back")
    ]


def test_a_forked_checkpoint_is_found(forum, database_url):
    """The log itself signed another history of that size."""
    signer = forum.signer
    other = Checkpoint(signer.origin, 4, Frontier().extend([b"x" * 32] * 4).root())
    note = sign_note(other.text, signer.origin, signer.key)
    change(forum, update(checkpoints).where(checkpoints.c.size == 4).values(note=note))
    report = run(forum, database_url)
    assert [(f.kind, f.where) for f in report.faults] == [("checkpoint", "checkpoint 4")]
    assert "root" in report.faults[0].message


def test_a_truncated_log_is_found(forum, database_url):
    change(forum, delete(leaves).where(leaves.c.index >= 200))
    report = run(forum, database_url)
    assert "entries were taken away" in str(
        [f for f in report.faults if f.where == "checkpoint 278"]
    )
    assert sum(f.message.endswith("without a leaf") for f in report.faults) == 78


def test_a_hole_in_the_log_is_found(forum, database_url):
    change(forum, delete(leaves).where(leaves.c.index == 100))
    report = run(forum, database_url)
    assert ("log", "leaf 100", "leaves 100 to 100 are missing") in {
        (f.kind, f.where, f.message) for f in report.faults
    }


def test_entries_that_nobody_signed_are_found(forum, database_url):
    change(forum, delete(checkpoints).where(checkpoints.c.size == 278))
    report = run(forum, database_url)
    assert [f.kind for f in report.faults] == ["log"]
    assert "signed by nobody" in report.faults[0].message


def test_a_claim_beside_the_log_is_found(forum, database_url):
    obj = claim(4444, 1, forum.members["beta"].identity, forum.keys["beta"])
    row = {
        "collection": forum.collection, "stix_id": obj["id"], "type": "campaign", "audience": 1,
        "spec_version": "2.1", "version": 1, "stated": obj["modified"], "body": b"{}",
        "date_added": 2_000_000_000_000_000, "member": forum.members["beta"].id,
    }  # fmt: skip
    change(forum, insert(objects).values(row))
    report = run(forum, database_url)
    assert kinds(report) == {"object", "order"}
    assert "without a leaf" in report.faults[0].message


@pytest.mark.parametrize(
    ("number", "version", "says"), [(1, 1, "replays"), (1, 2, "replays"), (2, 9, "follows a rev")]
)
def test_a_replayed_claim_is_found(forum, database_url, number, version, says):
    """A hub that logs an old claim again, or one after its revocation, with good signatures."""
    key = SigningKey.from_seed(forum.keys["alpha"]._private.private_bytes_raw())
    obj = claim(number, version, forum.members["alpha"].identity, key, spare=version)
    change(
        forum, update(objects).where(objects.c.stix_id == obj["id"]).values(version=-objects.c.seq)
    )
    forum.post("alpha", [obj])
    report = run(forum, database_url)
    assert any(f.kind == "order" and says in f.message for f in report.faults)
    assert not [f for f in report.faults if f.kind == "signature"]


@pytest.mark.parametrize("state", ["suspended", "ended"])
def test_a_claim_of_a_silenced_member_is_found(forum, database_url, state):
    beta, key = forum.members["beta"].identity, forum.keys["beta"]
    said = (
        statements.suspend(beta, key.id, AT)
        if state == "suspended"
        else statements.end(beta, key.id, AT, "compromised", key)
    )
    forum.state("beta", said)
    forum.say("beta", 7777)
    report = run(forum, database_url)
    assert kinds(report) == {"signature"}
    assert f"is {state} since leaf 278" in report.faults[0].message


def test_a_claim_with_a_foreign_key_is_found(forum, database_url):
    forum.keys["beta"] = forum.keys["alpha"]
    forum.say("beta", 7777)
    assert kinds(run(forum, database_url)) == {"signature"}


def test_a_key_that_the_log_does_not_vouch_for_is_found(forum, database_url):
    forum.state("beta", statements.add(forum.members["beta"].identity, SigningKey.generate(), AT))
    report = run(forum, database_url)
    assert kinds(report) == {"statement", "key"}
    assert "not signed by key" in report.faults[0].message


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"public": b"x" * 32}, "not the holder or key"),
        ({"identity": "identity--x"}, "not the holder or key"),
        ({"ended": 1}, "its state is not"),
    ],
)
def test_a_changed_key_is_found(forum, database_url, values, says):
    kid = forum.keys["beta"].id
    change(forum, update(keys).where(keys.c.id == kid).values(**values))
    report = run(forum, database_url)
    assert [(f.kind, f.where) for f in report.faults] == [("key", f"key {kid}")]
    assert says in report.faults[0].message


def test_keys_beside_the_log_are_found(forum, database_url):
    kid = forum.keys["beta"].id
    change(forum, update(keys).where(keys.c.id == kid).values(id="other"))
    assert {f.where for f in run(forum, database_url).faults} == {f"key {kid}", "key other"}


def test_a_changed_secret_is_found(forum, database_url):
    change(
        forum, update(audiences).where(audiences.c.collection.is_(None)).values(secret=b"x" * 32)
    )
    report = run(forum, database_url)
    assert kinds(report) == {"audience"}
    assert report.counts["audience"] == 5


def test_a_collection_that_became_open_is_found(forum, database_url):
    change(forum, update(collections).values(policy="open"))
    assert kinds(run(forum, database_url)) == {"object"}


def test_another_key_of_the_log_is_found(forum, database_url):
    other = sign_note("x\n", "hub.test/log", forum.keys["beta"])
    assert other
    vkey = str(type(forum.signer.vkey)("hub.test/log", forum.keys["beta"].public))
    report = check(database=database_url, vkey=vkey)
    assert {"log", "checkpoint"} == kinds(report)
    change(forum, update(meta).where(meta.c.name == "log_key").values(value=vkey))
    assert "log" in kinds(run(forum, database_url))
    assert not check(database=database_url).holds


def test_cosignatures_are_checked(forum, database_url):
    signer, beta = forum.signer, forum.members["beta"]
    with forum.database.read() as connection:
        note = connection.scalar(select(checkpoints.c.note).where(checkpoints.c.size == 278))
    text = note.partition("\n\n")[0] + "\n"
    name = cosigner(signer.origin, beta.identity)
    row = {"size": 278, "member": beta.id, "line": cosign(text, name, forum.keys["beta"], 5)[:-1]}
    change(forum, insert(cosignatures).values(row))
    report = run(forum, database_url)
    assert report.holds
    assert report.looked_at["cosignatures"] == 1
    for line in (
        cosign(text, name, forum.keys["alpha"], 5)[:-1],
        "x",
        cosign("x\n", name, forum.keys["beta"], 5),
    ):
        change(forum, update(cosignatures).values(line=line))
        assert kinds(run(forum, database_url)) == {"cosignature"}


def test_a_rewritten_history_that_signs_itself_is_found_by_its_claims(forum, database_url):
    """Who holds the log's key can sign any tree, but not the members' claims in it."""
    signer = forum.signer
    with forum.database.read() as connection:
        secret = bytes(
            connection.scalar(select(audiences.c.secret).where(audiences.c.collection.is_not(None)))
        )
    forged = claim(1, 1, forum.members["alpha"].identity, signer.key)
    made = entry(claim_record(forum.collection, forged), secret, 2)
    change(forum, update(leaves).where(leaves.c.index == 2).values(entry=made))
    change(
        forum,
        update(objects)
        .where(objects.c.stix_id == forged["id"], objects.c.version == 1_700_000_001_000_000)
        .values(body=json.dumps(forged).encode()),
    )
    report = run(forum, database_url)
    assert {"signature", "tile", "checkpoint"} == kinds(report)


@pytest.mark.parametrize(
    ("url", "error", "says"),
    [
        ("sqlite:///{folder}/none.db", StoredDataError, "there is no database"),
        ("sqlite:///{folder}/empty.db", StoredDataError, "cannot be read as a hub's database"),
        ("sqlite:///{folder}/text.db", StoredDataError, "cannot be read as a hub's database"),
        ("mysql://u:secret@h/x", ConfigError, "mysql://h/x is no database of a hub"),
    ],
)
def test_what_is_no_hub_is_said(tmp_path, url, error, says):
    (tmp_path / "empty.db").touch()
    (tmp_path / "text.db").write_text("no database " * 100)
    with pytest.raises(error, match=says) as caught:
        check(database=url.format(folder=tmp_path))
    assert "secret" not in str(caught.value)


def command(*arguments: str):
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(fsck)
    return CliRunner().invoke(app, arguments)


def test_the_command_prints_and_fails_as_it_should(forum, database_url):
    vkey = str(forum.signer.vkey)
    sound = command("--database", database_url, "--key", vkey)
    assert sound.exit_code == 0
    assert "278 entries" in sound.output
    assert "everything holds" in sound.output
    change(forum, update(leaves).where(leaves.c.index == 2).values(entry=b"x" * 48))
    broken = command("--database", database_url)
    assert isinstance(broken.exception, NotTrusted)
    assert broken.exception.exit_code == 5
    assert "tile: tile 0/000" in broken.output
    assert "note: the log's key was taken from the database itself" in broken.output
    as_json = command("--database", database_url, "--json")
    told = json.loads(as_json.output)
    assert told["holds"] is False
    assert told["fault_counts"]["tile"] == 2


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--database", "sqlite:///x", "--url", "http://h"],
        ["--url", "http://h"],
        ["--url", "http://h", "--key", "k"],
        ["--url", "http://h", "--key", "k", "--token-file", "/nonexistent"],
        ["--database", "sqlite:///pyproject.toml", "--key", "k"],
    ],
)
def test_the_command_says_what_is_missing(arguments):
    result = command(*arguments)
    assert isinstance(result.exception, StillwatchError)
    assert result.exit_code != 0
    assert str(result.exception)
