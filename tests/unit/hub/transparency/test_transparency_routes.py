"""The log over real HTTP, followed by the client core and checked by the checker."""

import httpx
import pytest
from sqlalchemy import delete, func, insert, select, update

from stillwatch.crypto import statements
from stillwatch.crypto.note import Checkpoint, Note, VerifierKey, cosign, cosigner, sign_note
from stillwatch.crypto.records import digest
from stillwatch.crypto.tiles import bundles, decode_bundle, from_tiles
from stillwatch.hub.fsck.check import check
from stillwatch.hub.schema import checkpoints, leaves, objects
from stillwatch.sharing.history import Pull
from stillwatch.sharing.known import Audience, Known, Refused, Witnesses
from tests.databases import without_references
from tests.forum import Forum, served
from tests.memory_hub import AT, claim

BETA_ONLY = '{"groups":[],"members":["beta"]}'


@pytest.fixture
def forum(database, key_file) -> Forum:
    forum = Forum(database, key_file).open("alpha", "beta", "gamma")
    forum.say("alpha", 1)
    forum.post(
        "alpha", [claim(2, 1, forum.members["alpha"].identity, forum.keys["alpha"])], BETA_ONLY
    )
    forum.many("beta", 300)
    return forum


@pytest.fixture
def address(forum, database_url, key_file):
    assert forum.collection
    with served(database_url, key_file) as address:
        yield address


def client(forum: Forum, address: str, name: str) -> httpx.Client:
    return httpx.Client(base_url=address, auth=(name, forum.tokens[name]))


def pull(http: httpx.Client, known: Known, witnesses: Witnesses | None = None):
    """What a member's client does over HTTP."""
    asked = {"cosigned": witnesses.quorum} if witnesses else {}
    note = http.get("/log/checkpoint", params=asked).text
    audiences = [
        Audience(a["id"], a["collection"], bytes.fromhex(a["secret"]))
        for a in http.get("/log/audiences").json()["audiences"]
    ]
    walk = Pull(known, note, audiences)
    for tile in bundles(known.size, walk.checkpoint.size):
        entries = decode_bundle(http.get(f"/log/tile/{tile.path}").content)
        walk.add_entries(entries[max(0, known.size - tile.index * 256) :])
    wanted = [leaf.index for leaf in walk.close_tree()]
    while wanted:
        answer = http.post("/log/records", json={"indexes": wanted[:1000]})
        walk.add_records(line for line in answer.content.split(b"\n") if line)
        wanted = wanted[int(answer.headers["Stillwatch-Answered"]) :]
    return walk.finish(witnesses) if witnesses else walk.finish()


def fresh(forum: Forum) -> Known:
    return Known(forum.signer.vkey)


def test_a_member_follows_the_log_and_sees_its_own(forum, address):
    with client(forum, address, "gamma") as http:
        known, claims = pull(http, fresh(forum))
        assert (known.size, len(claims)) == (305, 301)
        forum.rotate("alpha", 900)
        forum.say("alpha", 1, 2, revoked=True)
        known, claims = pull(http, known)
        assert (known.size, len(claims)) == (307, 1)
        assert pull(http, known)[1] == []
    with client(forum, address, "beta") as http:
        assert len(pull(http, fresh(forum))[1]) == 303


def test_tiles_are_static_and_lead_to_the_root(forum, address):
    with client(forum, address, "alpha") as http:
        answer = http.get("/log/checkpoint")
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["cache-control"] == "no-cache"
        head = Checkpoint.parse(Note.parse(answer.text).verify(forum.signer.vkey))
        assert http.get("/log/tile/0/000").headers["cache-control"].endswith("immutable")
        mth = from_tiles(lambda t: http.get(f"/log/tile/{t.path}").content, head.size)
        assert mth(0, head.size) == head.root
        whole = http.get("/log/tile/entries/000")
        assert whole.headers["content-type"] == "application/octet-stream"
        part = http.get("/log/tile/entries/000.p/7").content
        assert whole.content.startswith(part)
        assert len(decode_bundle(part)) == 7


NO_TILES = (
    "0/001", "0/001.p/50", "0/002", "2/000", "63/000.p/1", "entries/001", "entries/9", "0/0", "x",
    "entries/x999/x999/999", "0/000.p/256", "../checkpoint/",
)  # fmt: skip


def test_what_is_no_tile_of_this_log_is_not_found(forum, address):
    with client(forum, address, "alpha") as http:
        for path in NO_TILES:
            answer = http.get(f"/log/tile/{path}")
            assert answer.status_code == 404, path
            assert answer.json()["title"]


def test_nobody_reads_without_credentials(address):
    for path in ("checkpoint", "tile/0/000", "tile/entries/000", "audiences"):
        assert httpx.get(f"{address}/log/{path}").status_code == 401
    for path in ("records", "cosignatures"):
        assert httpx.post(f"{address}/log/{path}", json={}).status_code == 401


def test_records_and_secrets_are_for_their_audience(forum, address):
    secret = {}
    for name in ("alpha", "beta", "gamma"):
        with client(forum, address, name) as http:
            secret[name] = {a["id"] for a in http.get("/log/audiences").json()["audiences"]}
            answer = http.post("/log/records", json={"indexes": [4, 3, 0, 10_000, 4]})
            assert answer.headers["Stillwatch-Answered"] == "5"
            # 3 and 4 are alpha's: 4 is for beta alone, and its poster sees it
            assert answer.content.count(b"\n") == (2 if name == "gamma" else 4)
    assert secret["gamma"] == secret["alpha"] < secret["beta"]


def test_a_record_is_what_its_leaf_says(forum, address):
    with client(forum, address, "beta") as http:
        entries = decode_bundle(http.get("/log/tile/entries/000").content)
        lines = http.post("/log/records", json={"indexes": [0, 4]}).content.split(b"\n")
        assert [digest(line) for line in lines[:-1]] == [entries[0][:32], entries[4][:32]]


def test_many_records_come_in_parts(forum, address):
    pad = {"name": "x" * 200_000}
    member, key = forum.members["alpha"], forum.keys["alpha"]
    forum.post("alpha", [claim(5000 + n, 1, member.identity, key, **pad) for n in range(100)])
    with client(forum, address, "gamma") as http:
        answer = http.post("/log/records", json={"indexes": list(range(305, 405))})
        assert 50 < int(answer.headers["Stillwatch-Answered"]) < 100
        assert len(answer.content) <= 16 * 1024 * 1024
        assert len(pull(http, fresh(forum))[1]) == 401


NO_LISTS = (
    {}, {"indexes": []}, {"indexes": [-1]}, {"indexes": ["0"]}, {"indexes": [2**63]},
    {"indexes": list(range(1001))}, {"indexes": [0], "more": 1}, [], None,
)  # fmt: skip


def test_what_is_no_list_of_leaves_is_refused(forum, address):
    with client(forum, address, "gamma") as http:
        for body in NO_LISTS:
            assert http.post("/log/records", json=body).status_code == 422, body


def test_witnesses_sign_what_they_saw(forum, address):
    origin = forum.signer.origin
    lines = {}
    for name in ("alpha", "beta"):
        with client(forum, address, name) as http:
            known, _ = pull(http, fresh(forum))
            witness = cosigner(origin, forum.members[name].identity)
            text = Note.parse(known.note).text
            lines[name] = cosign(text, witness, forum.keys[name], 1_700_000_000)[:-1]
            body = {"size": known.size, "line": lines[name]}
            assert http.post("/log/cosignatures", json=body).status_code == 204
            assert http.post("/log/cosignatures", json=body).status_code == 204
    forum.say("alpha", 7)
    both = Witnesses(frozenset(m.identity for m in forum.members.values()), 2)
    with client(forum, address, "gamma") as http:
        known, _ = pull(http, fresh(forum), both)
        assert known.size == 305
        assert http.get("/log/checkpoint", params={"cosigned": 3}).status_code == 404
        at = Note.parse(http.get("/log/checkpoint", params={"at_most": 4}).text)
        assert Checkpoint.parse(at.verify(forum.signer.vkey)).size == 4
        assert len(pull(http, known)[1]) == 1


def test_a_cosignature_that_does_not_hold_is_refused(forum, address):
    origin, alpha = forum.signer.origin, forum.members["alpha"].identity
    with client(forum, address, "alpha") as http:
        note = Note.parse(http.get("/log/checkpoint").text)
        name = cosigner(origin, alpha)
        for size, line, status in (
            (305, cosign(note.text, name, forum.keys["beta"], 1), 422),
            (305, cosign(note.text, cosigner(origin, "x"), forum.keys["alpha"], 1), 422),
            (305, cosign(note.text + "x\n", name, forum.keys["alpha"], 1), 422),
            (305, cosign(note.text, name, forum.keys["alpha"], 2**40), 422),
            (304, cosign(note.text, name, forum.keys["alpha"], 1), 404),
            (305, "no line", 422),
        ):
            body = {"size": size, "line": line.rstrip("\n")}
            answer = http.post("/log/cosignatures", json=body)
            assert answer.status_code == status, answer.text
    forum.state("alpha", statements.end(alpha, forum.keys["alpha"].id, AT, "retired"))
    with client(forum, address, "alpha") as http:
        line = cosign(note.text, name, forum.keys["alpha"], 1)[:-1]
        answer = http.post("/log/cosignatures", json={"size": 305, "line": line})
        assert answer.status_code == 422
        assert "no key in use" in answer.text


def test_the_checker_finds_a_running_hub_sound(forum, address):
    seen: list[int] = []
    report = check(
        url=address,
        token=forum.tokens["gamma"],
        vkey=str(forum.signer.vkey),
        progress=lambda done, _: seen.append(done),
    )
    assert report.faults == []
    assert report.size == 305
    assert report.looked_at["claims"] == 301
    assert "1 of 305 entries are for other audiences" in report.notes[0]
    assert seen[-1] == 305


def test_the_checker_tells_another_log(forum, address):
    other = VerifierKey(forum.signer.origin, forum.keys["alpha"].public)
    report = check(url=address, token=forum.tokens["gamma"], vkey=str(other))
    assert [fault.kind for fault in report.faults] == ["checkpoint"]


def _swap(body: bytes) -> bytes:
    return body.replace(b"amber", b"ochre", 1)


def test_a_client_notices_what_was_changed_in_the_database(forum, address):
    """Tampered rows behind an honest program: what the hub then serves is refused."""
    with client(forum, address, "gamma") as http:
        known, _ = pull(http, fresh(forum))
        forum.say("alpha", 50)
        with forum.database.write() as connection:
            seq = connection.scalar(select(func.max(objects.c.seq)))
            body = bytes(connection.scalar(select(objects.c.body).where(objects.c.seq == seq)))
            mine = update(objects).where(objects.c.seq == seq)
            connection.execute(mine.values(body=_swap(body)))
        with pytest.raises(Refused, match="not the one that was logged"):
            pull(http, known)
        with forum.database.write() as connection:
            connection.execute(mine.values(body=body))
        after, _ = pull(http, known)

        newest = leaves.c.index == 305
        with forum.database.write() as connection:
            entry = bytes(connection.scalar(select(leaves.c.entry).where(newest)))
            connection.execute(update(leaves).where(newest).values(entry=b"x" * 48))
        with pytest.raises(Refused, match="do not lead to the root"):
            pull(http, known)
        with forum.database.write() as connection:
            connection.execute(update(leaves).where(newest).values(entry=entry))

        # the checkpoint before is the newest again, as after restoring an older copy
        with forum.database.write() as connection:
            connection.execute(delete(checkpoints).where(checkpoints.c.size == 306))
        with pytest.raises(Refused, match="some were taken away"):
            pull(http, after)
        signer = forum.signer
        text = Checkpoint(signer.origin, 306, b"f" * 32).text
        note = sign_note(text, signer.origin, signer.key)
        with forum.database.write() as connection:
            forked = {"size": 306, "note": note, "made": 1}
            connection.execute(insert(checkpoints).values(forked))
        with pytest.raises(Refused, match="two histories"):
            pull(http, after)


def test_a_claim_whose_row_was_deleted_is_withheld(forum, address, database_url):
    """It is told as one that does not come, to its readers and to its publisher."""
    with client(forum, address, "gamma") as http:
        known, _ = pull(http, fresh(forum))
    seq = forum.say("alpha", 50)
    without_references(database_url, f"DELETE FROM objects WHERE seq = {seq}")
    for name in ("gamma", "alpha"):
        with client(forum, address, name) as http:
            answer = http.post("/log/records", json={"indexes": [305, 0]})
            assert (answer.status_code, answer.headers["Stillwatch-Answered"]) == (200, "2")
            assert answer.content.count(b"\n") == 1
            with pytest.raises(Refused) as refused:
                pull(http, known)
            assert (refused.value.kind, refused.value.exit_code) == ("withheld", 5)
