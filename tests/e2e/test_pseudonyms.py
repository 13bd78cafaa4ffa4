"""A further name: readers verify what it says and cannot tell whose it is; the hub can."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from stillwatch.crypto.jws import signer, verify_detached
from stillwatch.crypto.keys import SigningKey
from stillwatch.errors import InputError, PeerError
from stillwatch.hub.setup import Made
from stillwatch.intel.signed import signature, signing_input
from stillwatch.sharing.settings import load_settings
from tests.sharers import Labs, command, labs


@pytest.fixture
def forum(tmp_path: Path, database_url: str, made: Made) -> Iterator[Labs]:
    with labs(tmp_path, database_url, made.key_file, made.vkey) as opened:
        yield opened


def test_readers_verify_a_pseudonyms_claim_and_only_the_operator_knows_whose_it_is(
    forum: Labs, database_url: str
) -> None:
    added = forum.run("alpha", "pseudonym", "add", "night", "--by", "counsel")
    key = Path(added["key"])
    assert key.stat().st_mode & 0o777 == 0o600
    assert SigningKey.load(key).id != load_settings(forum.settings("alpha")).key().id
    claim = _published(forum, "alpha", "night")

    assert forum.run("beta", "pull")["new"] == 1
    (seen,) = forum.run("beta", "show", claim)
    assert (seen["publisher"], seen["state"], seen["signed"]) == (
        added["identity"], "current", True,
    )  # fmt: skip
    said = signature(seen["object"])
    assert signer(said) == SigningKey.load(key).id
    verify_detached(said, signing_input(seen["object"]), SigningKey.load(key).public)
    assert _of_alpha(forum, "beta") == []
    assert _of_alpha(forum, "gamma") == []
    wire = b"".join(one.body for one in forum.wire.asked)
    assert b"night" not in wire  # our own word for it stays here

    hub = ("hub", "pseudonym", "list", "--database", database_url, "--json")
    (held,) = json.loads(command(*hub, "--identity", added["identity"]))
    assert (held["member"], held["state"]) == ("alpha", "active")


def test_a_member_counts_once_under_all_its_names(forum: Labs) -> None:
    forum.run("alpha", "pseudonym", "add", "night")
    forum.run("beta", "pseudonym", "add", "dusk")
    claim = _published(forum, "alpha", "night")
    for who in forum.names:
        forum.run(who, "pull")
    _judged(forum, "alpha", claim, refused=True)  # its own claim, under another name
    _judged(forum, "beta", claim)
    _judged(forum, "beta", claim, "--as", "dusk", refused=True)
    forum.run("gamma", "pull")
    assert forum.standing("gamma", claim)["confirmed"] == 1


def test_a_claim_keeps_its_name_to_its_end(forum: Labs) -> None:
    forum.run("alpha", "pseudonym", "add", "night")
    claim = _published(forum, "alpha", "night")
    own = forum.draft("alpha")
    forum.run("alpha", "review", "--release", own, "--by", "reviewer")
    forum.run("alpha", "revoke", claim, "--reason", "an error", "--by", "reviewer")
    told = forum.run("alpha", "publish")
    # never both in one go: side by side in the log they would be known for one member's
    assert (told["stored"], told["waits"]) == ([own], {"night": 1})
    with pytest.raises(InputError, match="1 claims stand"):
        forum.run("alpha", "pseudonym", "end", "night")
    assert forum.run("alpha", "publish", "--as", "night")["stored"] == [claim]
    forum.run("beta", "pull")
    assert forum.standing("beta", claim)["state"] == "revoked"
    assert forum.standing("beta", own)["state"] == "current"
    assert forum.run("alpha", "pseudonym", "end", "night")["state"] == "ended"
    assert [one["state"] for one in forum.run("alpha", "pseudonym", "list")] == ["ended"]
    with pytest.raises(InputError, match="ended"):
        forum.run("alpha", "publish", "--as", "night")


def test_review_says_under_which_name_and_can_change_it(forum: Labs) -> None:
    forum.run("alpha", "pseudonym", "add", "night")
    first, second = sorted((forum.draft("alpha"), forum.draft("alpha")))
    edited = forum.run("alpha", "review", "--edit", first, "--set", "as=night", "--by", "r")
    assert {one["id"]: one["as"] for one in edited} == {first: "night", second: "alpha"}
    forum.run("alpha", "review", "--release", first, "--release", second, "--by", "r")
    shown = forum.run("alpha", "publish", "--dry-run")
    assert [first in one["content"] for one in shown] == [False]
    assert forum.run("alpha", "publish")["stored"] == [second]
    (shown,) = forum.run("alpha", "publish", "--as", "night", "--dry-run")
    assert forum.run("alpha", "publish", "--as", "night")["stored"] == [first]
    assert shown["content"].encode() in [one.body for one in forum.wire.asked]


def test_a_key_of_a_pseudonym_is_rotated_and_ended_as_compromised(forum: Labs) -> None:
    added = forum.run("alpha", "pseudonym", "add", "night")
    old = SigningKey.load(Path(added["key"])).id
    new = forum.run("alpha", "pseudonym", "rotate", "night")
    assert new["kid"] == SigningKey.load(Path(added["key"])).id != old
    claim = _published(forum, "alpha", "night")
    forum.run("alpha", "pseudonym", "end", "night", "--compromised")
    forum.run("beta", "pull")
    assert forum.standing("beta", claim)["state"] == "compromised"


def test_an_enrolment_whose_answer_was_lost_is_given_again(forum: Labs) -> None:
    forum.lost.add("/v1/keys")
    with pytest.raises(PeerError):
        forum.run("alpha", "pseudonym", "add", "night")
    (kept,) = forum.run("alpha", "pseudonym", "list")
    with pytest.raises(InputError, match="has not confirmed"):
        forum.run("alpha", "publish", "--as", "night")
    again = forum.run("alpha", "pseudonym", "add", "night")
    assert (kept["state"], again["identity"]) == ("new", kept["identity"])
    _published(forum, "alpha", "night")


def _published(forum: Labs, who: str, name: str) -> str:
    claim = forum.draft(who)
    forum.run(who, "review", "--release", claim, "--by", "reviewer")
    assert forum.run(who, "publish", "--as", name)["stored"] == [claim]
    return claim


def _judged(forum: Labs, who: str, claim: str, *as_: str, refused: bool = False) -> None:
    forum.run(who, "opinion", claim, "agree", "--reason", "own-evidence", "--by", "a", *as_)
    done = forum.run(who, "publish", *as_, status=4 if refused else 0)
    assert bool(done["failed"]) is refused


def _of_alpha(forum: Labs, who: str) -> list[str]:
    """Where anything that a member can read of the hub names alpha, but for its own key."""
    settings = load_settings(forum.settings("alpha"))
    traces = [b"alpha", settings.identity.encode(), settings.key().id.encode(), b"night"]
    collection = f"/api/collections/{forum.world.ids['claims']}/"
    paths = (
        f"{collection}objects/?match[version]=all", f"{collection}manifest/", "/v1/standing",
        "/v1/members/me", "/v1/appeals", "/log/checkpoint", "/log/audiences", "/v1/keys",
    )  # fmt: skip
    found = list[str]()
    with forum.world.client(who) as client:
        for path in paths:
            answer = client.get(path)
            assert answer.status_code == 200, path
            body = answer.content
            if path == "/v1/keys":
                body = orjson.dumps(_without_key_of_alpha(answer.json()))
            heads = b"\n".join(name + b": " + value for name, value in answer.headers.raw)
            found += [f"{path}: {t.decode()}" for t in traces if t in body + heads]
        asked = {"indexes": list(range(5))}
        records = client.post(
            "/log/records", json=asked, headers={"Content-Type": "application/json"}
        )
        assert records.status_code == 200
        for line in records.content.splitlines():
            stated = json.loads(line).get("key", {})
            if stated.get("identity") != settings.identity:
                found += [f"record: {t.decode()}" for t in traces if t in line]
    return found


def _without_key_of_alpha(directory: dict[str, Any]) -> list[Any]:
    named = [one for one in directory["keys"] if one["member"] == "alpha"]
    assert len(named) == 1
    return [one for one in directory["keys"] if one["member"] != "alpha"]
