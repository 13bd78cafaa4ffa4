"""What leaves a lab, and what a lab does not believe: on both databases, over a recorded wire."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import update

from stillwatch.crypto.note import Checkpoint, Note, sign_note
from stillwatch.errors import InputError, NotTrusted, PolicyRefused
from stillwatch.hub import logkey
from stillwatch.hub.database import connect
from stillwatch.hub.schema import checkpoints
from stillwatch.hub.setup import Made, initialise
from stillwatch.sharing.rules import EnabledRules
from stillwatch.sharing.settings import load_settings
from tests.sharers import Labs, command, labs
from tests.support import event
from tests.travelling import content, text

_EMAIL = re.compile(rb"[\w.+-]+@[\w-]+\.[a-z]{2,}")


@pytest.fixture
def forum(tmp_path: Path, database_url: str, made: Made) -> Iterator[Labs]:
    with labs(tmp_path, database_url, made.key_file, made.vkey) as opened:
        yield opened


def test_a_hub_that_shows_one_member_another_history_is_refused(
    forum: Labs, database_url: str, made: Made
) -> None:
    forum.say("alpha")
    assert forum.run("beta", "pull")["new"] == 1
    before = forum.run("beta", "list")
    database = connect(database_url)
    with database.write() as connection:
        signer = logkey.signer(connection, made.key_file)
        note = connection.scalar(
            checkpoints.select()
            .with_only_columns(checkpoints.c.note)
            .order_by(checkpoints.c.size.desc())
            .limit(1)
        )
        head = Checkpoint.parse(Note.parse(note).text)
        other = Checkpoint(signer.origin, head.size, b"f" * 32).text
        forged = sign_note(other, signer.origin, signer.key)
        mine = update(checkpoints).where(checkpoints.c.size == head.size)
        connection.execute(mine.values(note=forged))
    database.close()
    with pytest.raises(NotTrusted, match="two histories") as refused:
        forum.run("beta", "pull")
    assert refused.value.exit_code == 5
    (evidence,) = (forum.folder / "beta").glob("evidence-*-fork.json")
    told = json.loads(evidence.read_bytes())
    assert told["kept"]["checkpoint"].startswith(note)  # with the cosignatures of the time
    assert told["checkpoint"].startswith(forged)
    assert forum.run("beta", "list") == before


def test_only_what_enough_witnesses_saw_is_believed(forum: Labs) -> None:
    ids = {name: load_settings(forum.settings(name)).identity for name in forum.names}
    forum.change("gamma", "# witnesses = [", f'witnesses = ["{ids["alpha"]}", "{ids["beta"]}"] # [')
    forum.change("gamma", "# quorum = 2", "quorum = 2")
    stix_id = forum.say("alpha")
    for name in ("alpha", "beta"):
        assert forum.run(name, "pull")["cosigned"]
    assert forum.run("gamma", "pull")["new"] == 1
    later = forum.say("beta")
    forum.run("alpha", "pull")  # one witness of two
    told = forum.run("gamma", "pull")
    assert told["new"] == 0
    assert [one["id"] for one in forum.run("gamma", "list")] == [stix_id]
    forum.run("beta", "pull")
    assert forum.run("gamma", "pull")["new"] == 1
    assert forum.standing("gamma", later)["state"] == "current"
    # members that cosign, but are not those whom gamma knows from elsewhere
    forum.change("gamma", ids["beta"], f"identity--{'0' * 8}-0000-4000-8000-{'0' * 12}")
    forum.say("alpha")
    for name in ("alpha", "beta"):
        forum.run(name, "pull")
    with pytest.raises(NotTrusted, match="1 of 2 witnesses"):
        forum.run("gamma", "pull")


def test_a_rule_travels_and_goes_with_its_claim(forum: Labs, tmp_path: Path) -> None:
    ours = content()["stillwatch"] | {
        "measured": {"accounts": 9000, "upper": 0.00031, "day": "2026-11-01"}
    }
    (tmp_path / "rule.yaml").write_text(text(stillwatch=ours))
    forum.change("alpha", "unattended = []", 'unattended = ["sighting", "opinion"]')
    (drafted,) = forum.run("alpha", "draft", "--rule", tmp_path / "rule.yaml")["drafts"]
    claim = drafted["id"]
    assert [one["id"] for one in forum.run("alpha", "review")] == [claim]  # it waits for a person
    with pytest.raises(PolicyRefused, match="already"):
        forum.run("alpha", "draft", "--rule", tmp_path / "rule.yaml")
    forum.publish("alpha", claim)
    forum.run("beta", "pull")

    rows = [event(i, account_id=f"a{i}", prompt=f"matter {i} of the day") for i in range(40)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "benign.parquet")
    (tmp_path / "ours.toml").write_text('[rules]\nenabled = "in-use"\n')
    tried = ("--profiles", tmp_path / "benign.parquet", "--from-store", forum.settings("beta"))
    told = json.loads(command("rules", "try", claim, *tried, "--json"))
    assert (told["stated"], told["stated_on"], told["faults"]) == (0.0004, [5000, 9999], [])
    settings = ("--config", tmp_path / "ours.toml")
    command("rules", "enable", claim, *tried, *settings, "--by", "analyst")
    (record,) = json.loads(command("rules", "list", "--json", *settings))
    assert (record["claim"], record["stated"], record["withdrawn"]) == (claim, 0.0004, "")
    in_use = EnabledRules(tmp_path / "in-use")
    assert len(in_use.load()) == 1
    assert forum.run("beta", "pull")["fallen"] == []

    forum.run("alpha", "revoke", claim, "--reason", "an error", "--by", "reviewer")
    forum.run("alpha", "publish")
    pulled = forum.run("beta", "pull")
    (resting,) = pulled["revoked"][claim]
    assert resting.startswith(f"rule {record['digest']}")
    assert pulled["withdrawn"] == [record["digest"]]
    assert in_use.load() == ()  # what `stillwatch detect` reads
    assert "withdrawn, not used" in command("rules", "list", *settings)
    again = forum.run("beta", "pull")
    assert ([one["claim"] for one in again["fallen"]], again["withdrawn"]) == ([claim], [])
    with pytest.raises(PolicyRefused, match="it is revoked"):
        command("rules", "enable", claim, *tried, *settings, "--by", "analyst")
    command("rules", "disable", record["digest"], *settings)
    assert forum.run("beta", "pull")["fallen"] == []


def test_an_appeal_freezes_a_claim_until_its_publisher_answers_with_a_new_key(forum: Labs) -> None:
    stix_id = forum.say("alpha")
    for name in ("alpha", "beta"):
        forum.run(name, "pull")
    reason = "shared-infrastructure"
    (appeal,) = forum.run("beta", "appeal", "open", stix_id, "--reason", reason)
    forum.run("beta", "pull")
    assert forum.standing("beta", stix_id)["state"] == "frozen"

    old = load_settings(forum.settings("alpha")).key().id
    told = forum.run("alpha", "key", "rotate", "--by", "operator")
    assert load_settings(forum.settings("alpha")).key().id == told["kid"] != old
    assert Path(told["old"]).stat().st_mode & 0o077 == 0

    (asked,) = forum.run("alpha", "appeal", "list")
    assert (asked["id"], asked["part"], asked["state"]) == (appeal["id"], "publisher", "open")
    answer = forum.run("alpha", "appeal", "answer", asked["id"], "rejected", "--by", "counsel")
    assert forum.run("alpha", "publish")["stored"] == [answer["id"]]
    forum.run("beta", "pull")  # signed by the new key, which the log states
    assert forum.standing("beta", stix_id)["state"] == "current"
    with pytest.raises(InputError, match="no open appeal"):
        forum.run("alpha", "appeal", "answer", asked["id"], "upheld")


def test_nothing_of_a_customer_is_on_the_wire(tmp_path: Path) -> None:
    """A result of `stillwatch detect` is drafted, released and published; every byte is searched."""
    url = f"sqlite:///{tmp_path}/hub.db"
    made = initialise(url, tmp_path / "log.key", "hub.test/log")
    world, result = tmp_path / "world", tmp_path / "result"
    size = ("--accounts", 300, "--days", 7, "--attack-share", 0.15, "--campaigns", 4)
    command("simulate", "--out", world, *size)
    command(
        "detect", world / "events", "--accounts", world / "accounts.parquet", "--out", result,
        "--fdr", 0.5,
    )  # fmt: skip
    with labs(tmp_path, url, made.key_file, made.vkey) as forum:
        forum.change("alpha", "least_accounts = 6", "least_accounts = 2")
        forum.change("alpha", "most_p = 0.05", "most_p = 1.0")
        drafted = [one["id"] for one in forum.run("alpha", "draft", result)["drafts"]]
        releases = [word for id_ in drafted for word in ("--release", id_)]
        forum.run("alpha", "review", *releases, "--by", "reviewer")
        assert sorted(forum.run("alpha", "publish")["stored"]) == sorted(drafted) != []
        sent = b"\n".join(one.body for one in forum.wire.asked)
    assert all(id_.encode() in sent for id_ in drafted)
    seen = _personal(result)
    assert len(seen["accounts"]) > 50
    assert len(seen["prompts"]) > 20
    for kind, values in seen.items():
        assert [v for v in values if v.encode() in sent] == [], kind
    assert _EMAIL.findall(sent) == []


def _personal(result: Path) -> dict[str, set[str]]:
    """Accounts, and runs of words of prompts, that a result holds."""
    accounts = set(pq.read_table(result / "accounts.parquet")["account_id"].to_pylist())
    prompts: set[str] = set()
    for line in (result / "findings.jsonl").read_bytes().splitlines():
        for quoted in orjson.loads(line)["exemplars"]:
            words = quoted.split()
            prompts |= {" ".join(words[i : i + 5]) for i in range(0, len(words) - 4, 5)}
    return {"accounts": accounts, "prompts": {json.dumps(p)[1:-1] for p in prompts}}
