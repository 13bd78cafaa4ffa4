"""The operator's commands, run as typed."""

import json
import sqlite3

import pytest
from typer.testing import CliRunner

from stillwatch.cli import app
from stillwatch.errors import ConfigError, InputError, StoredDataError
from stillwatch.hub.refusals import Conflict


class Hub:
    def __init__(self, folder):
        self.file = folder / "hub.db"
        self.url = f"sqlite:///{self.file}"

    def run(self, *words):
        ran = CliRunner().invoke(app, ["hub", *words, "--database", self.url])
        if ran.exception is not None and not isinstance(ran.exception, SystemExit):
            raise ran.exception
        assert ran.exit_code == 0, ran.output
        return ran.stdout

    def told(self, *words):
        return json.loads(self.run(*words, "--json"))


@pytest.fixture
def hub(tmp_path):
    hub = Hub(tmp_path)
    hub.run("init")
    hub.run("member", "add", "alpha")
    return hub


def test_members_are_listed_suspended_and_removed(hub):
    assert [m["name"] for m in hub.told("member", "list")] == ["alpha"]
    assert "alpha" in hub.run("member", "list")
    assert hub.told("member", "suspend", "alpha")["member"]["state"] == "suspended"
    with pytest.raises(Conflict, match="alpha is suspended"):
        hub.run("member", "suspend", "alpha")
    assert "alpha is active" in hub.run("member", "reinstate", "alpha")
    assert hub.told("member", "remove", "alpha")["member"]["state"] == "removed"
    with pytest.raises(InputError, match="no member 'nobody'"):
        hub.run("member", "suspend", "nobody")


def test_tokens_are_issued_listed_without_secrets_and_revoked(hub):
    made = hub.told("token", "issue", "alpha", "--label", "importer", "--expires", "2126-01-31")
    assert made["token"].startswith("stillwatch_")
    listed = hub.told("token", "list", "--member", "alpha")
    assert [t["label"] for t in listed] == ["first", "importer"]
    assert made["token"] not in hub.run("token", "list")
    assert made["token"].encode() not in hub.file.read_bytes()
    assert hub.told("token", "revoke", str(listed[1]["id"]))["revoked"] is not None
    assert "is revoked since" in hub.run("token", "revoke", str(listed[1]["id"]))
    with pytest.raises(InputError, match="there is no token 99"):
        hub.run("token", "revoke", "99")
    with pytest.raises(InputError, match="--expires: 'soon' is no time"):
        hub.run("token", "issue", "alpha", "--label", "x", "--expires", "soon")
    with pytest.raises(InputError, match="expired already"):
        hub.run("token", "issue", "alpha", "--label", "x", "--expires", "2001-01-01")


def test_groups_are_made_joined_and_left(hub):
    assert hub.told("group", "add", "europe") == {"group": "europe", "members": []}
    assert hub.told("group", "join", "europe", "alpha")["members"] == ["alpha"]
    assert hub.told("group", "join", "europe", "alpha")["members"] == ["alpha"]
    assert hub.told("group", "list") == {"europe": ["alpha"]}
    assert "europe" in hub.run("group", "list")
    assert "nobody" in hub.run("group", "leave", "europe", "alpha")
    for words, message in (
        (("add", "europe"), "already"),
        (("add", "Eu rope"), "cannot be a group's name"),
        (("join", "asia", "alpha"), "no group 'asia'"),
    ):
        with pytest.raises(InputError, match=message):
            hub.run("group", *words)


def test_quotas_are_shown_set_and_reset(hub):
    assert hub.told("quota", "show", "alpha")["tier"] == "entry"
    told = hub.told("quota", "set", "alpha", "reads", "5")
    assert {a["kind"]: a["limit"] for a in told["allowances"]}["reads"] == 5
    assert hub.told("quota", "set", "alpha", "tier", "pillar")["set_by_operator"]
    assert hub.told("quota", "set", "alpha", "tier", "default")["tier"] == "entry"
    assert "claims read a day" in hub.run("quota", "reset", "alpha")
    with pytest.raises(InputError, match="no quota 'gold'"):
        hub.run("quota", "set", "alpha", "gold", "1")


def test_appeals_and_pseudonyms_are_listed(hub):
    assert hub.told("appeal", "list") == []
    assert hub.told("pseudonym", "list") == []
    with pytest.raises(InputError, match="no state"):
        hub.run("appeal", "list", "--state", "stuck")
    assert "pseudonym.list" in hub.run("audit")


def test_the_operators_acts_are_audited(hub):
    hub.run("group", "add", "europe")
    hub.run("member", "suspend", "alpha")
    acts = [(row["action"], row["subject"]) for row in hub.told("audit")]
    assert acts == [
        ("member.add", "alpha"),
        ("group.add", "europe"),
        ("member.suspend", "alpha"),
    ]
    assert len(hub.told("audit", "--action", "member.")) == 2
    assert len(hub.told("audit", "--since", "2126-01-01")) == 0
    head = hub.told("audit", "--verify")
    assert head["rows"] == 3
    assert "none altered" in hub.run("audit", "--kept", head["head"])


def test_a_tampered_audit_is_seen(hub):
    hub.run("group", "add", "europe")
    with sqlite3.connect(hub.file) as connection:
        connection.execute("DELETE FROM audit WHERE seq = 2")
    connection.close()
    with pytest.raises(StoredDataError, match="row 2 is missing"):
        hub.run("audit", "--verify")


def test_a_hub_is_backed_up_and_restored(hub, tmp_path):
    copy = tmp_path / "copy.db"
    made = hub.told("backup", "--out", str(copy))
    assert made["log_size"] == 0
    with pytest.raises(ConfigError, match="exists"):
        hub.run("backup", "--out", str(copy))
    other = Hub(tmp_path / "other")
    other.file.parent.mkdir()
    assert "0 leaves" in other.run("restore", str(copy))
    assert [m["name"] for m in other.told("member", "list")] == ["alpha"]


def test_a_missing_hub_is_said_with_what_to_do(tmp_path):
    with pytest.raises(StoredDataError, match="stillwatch hub init"):
        Hub(tmp_path).run("member", "list")
