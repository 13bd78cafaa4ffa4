"""The commands that make a hub, run as typed."""

import json
import stat

import pytest
from typer.testing import CliRunner

from stillwatch.cli import app
from stillwatch.errors import ConfigError, StillwatchError, StoredDataError


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STILLWATCH_HUB_KEY", raising=False)

    def run(*words, database="sqlite:///hub.db"):
        ran = CliRunner().invoke(app, ["hub", *words, "--database", database])
        if ran.exception is not None and not isinstance(ran.exception, SystemExit):
            raise ran.exception
        return ran

    return run


def test_init_makes_a_hub_with_a_key_for_its_owner_alone(run, tmp_path):
    first = run("init", "--origin", "hub.test/log").stdout
    assert "new hub" in first
    assert "public key: hub.test/log+" in first
    assert stat.S_IMODE((tmp_path / "hub.db.key").stat().st_mode) == 0o600
    again = run("init").stdout
    assert "nothing to do" in again
    assert again.splitlines()[-1] == first.splitlines()[-1]


def test_the_key_is_where_it_is_said_to_be(run, tmp_path):
    key = tmp_path / "keys" / "own.key"
    assert str(key) in run("init", "--key", str(key)).stdout
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert not (tmp_path / "hub.db.key").exists()
    with pytest.raises(StillwatchError, match="key"):
        run("serve", "--port", "0")  # does not find it, and so does not serve


def test_a_key_that_others_may_read_is_not_used(run, tmp_path):
    run("init")
    (tmp_path / "hub.db.key").chmod(0o644)
    with pytest.raises(StillwatchError, match=r"hub\.db\.key"):
        run("serve", "--port", "0")


def test_another_hubs_key_is_not_used(run, tmp_path):
    run("init")
    run("init", database="sqlite:///other.db")
    with pytest.raises(StillwatchError, match="key"):
        run("serve", "--port", "0", "--key", str(tmp_path / "other.db.key"))


def test_members_and_collections_are_told_as_json(run, tmp_path):
    run("init")
    made = json.loads(run("member", "add", "alpha", "--role", "witness", "--json").stdout)
    assert (made["name"], made["role"]) == ("alpha", "witness")
    assert made["identity"].startswith("identity--")
    assert made["token"].encode() not in (tmp_path / "hub.db").read_bytes()
    words = ("collection", "add", "Box", "--policy", "open", "--alias", "box", "--read", "alpha")
    box = json.loads(run(*words, "--json").stdout)
    assert (box["title"], box["alias"], box["policy"]) == ("Box", "box", "open")
    words = ("collection", "add", "Other", "--policy", "claims", "--write", "alpha")
    assert run(*words).stdout.strip().count("-") == 4
    assert "speaks as identity--" in run("member", "add", "beta").stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("member", "add", "alpha"), "alpha"),
        (("member", "add", "no name"), "name"),
        (("member", "add", "beta", "--role", "king"), "king"),
        (("collection", "add", "Box", "--policy", "closed"), "closed"),
        (("collection", "add", "Box", "--policy", "open", "--read", "nobody"), "nobody"),
        (("collection", "add", "Two", "--policy", "open", "--alias", "box"), "box"),
    ],
)
def test_what_cannot_be_is_said(run, words, says):
    run("init")
    run("member", "add", "alpha")
    run("collection", "add", "Box", "--policy", "open", "--alias", "box")
    with pytest.raises(StillwatchError, match=says):
        run(*words)


@pytest.mark.parametrize("words", [("member", "add", "alpha"), ("serve",), ("member", "list")])
def test_no_database_is_an_error_with_the_next_step(run, words, tmp_path):
    with pytest.raises(StoredDataError, match="hub init"):
        run(*words)
    assert not (tmp_path / "hub.db").exists()
    with pytest.raises(ConfigError, match="kind of database"):
        run(*words, database="mysql://h/x")


def test_a_command_without_its_argument_shows_its_usage(run):
    assert run("member", "add").exit_code == 2
    assert run("collection", "add", "Box").exit_code == 2
