"""Members and a hub: what one releases the others read and judge; a hub that lies is refused."""

import json
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from stillwatch.cli import app
from stillwatch.errors import NotTrusted
from stillwatch.intel.codenames import code_name
from stillwatch.sharing import drafts
from stillwatch.sharing.settings import load_settings
from stillwatch.store.database import Store
from tests.claims import examples

RUNNER = CliRunner()


@dataclass
class Forum:
    """A hub and the folders of its members."""

    folder: Path

    def run(self, who: str, *words: str, status: int = 0) -> Any:
        """Run a command as a member; its JSON."""
        place = self.folder / who / "share.toml"
        result = RUNNER.invoke(app, ["share", *words, "--config", str(place), "--json"])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == status, result.output
        return json.loads(result.output)

    def draft(self, who: str) -> str:
        """Put a campaign into a member's queue; its id."""
        settings = load_settings(self.folder / who / "share.toml")
        terms = drafts.fresh_terms("campaign", settings)
        claim = replace(examples()["campaign"], terms=terms, name=code_name(terms.claim_id))
        made = drafts._draft(claim, "a result", {"account ids": 240})
        store = Store(settings.store)
        with store.begin() as connection:
            drafts.keep(connection, drafts.Drafted((made,), ()), settings)
        store.close()
        return made.stix_id

    def say(self, who: str) -> str:
        """Draft, release and publish."""
        stix_id = self.draft(who)
        RUNNER.invoke(
            app,
            ["share", "review", "--release", stix_id, "--by", "reviewer",
             "--config", str(self.folder / who / "share.toml")],
        )  # fmt: skip
        assert self.run(who, "publish")["stored"] == [stix_id]
        return stix_id

    def standing(self, who: str, stix_id: str) -> dict[str, Any]:
        """How a claim stands at a member."""
        return next(one for one in self.run(who, "list") if one["id"] == stix_id)


def _hub(*words: str) -> str:
    done = RUNNER.invoke(app, ["hub", *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def forum(tmp_path: Path) -> Iterator[Forum]:
    url = f"sqlite:///{tmp_path}/hub.db"
    told = _hub("init", "--database", url)
    log_key = next(x for x in told.splitlines() if x.startswith("public key: "))[12:]
    names = ("alpha", "beta", "gamma")
    for name in names:
        (tmp_path / name).mkdir()
        token = json.loads(_hub("member", "add", name, "--database", url, "--json"))["token"]
        (tmp_path / name / "token").touch(0o600)
        (tmp_path / name / "token").write_text(token)
    rights = [word for name in names for word in ("--read", name, "--write", name)]
    _hub("collection", "add", "Claims", "--database", url, "--policy", "claims",
         "--alias", "claims", *rights)  # fmt: skip
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serve = [sys.executable, "-m", "stillwatch", "hub", "serve", "--database", url]
    with subprocess.Popen([*serve, "--port", str(port)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it listens
        made = Forum(tmp_path)
        for name in names:
            made.run(
                name, "init", "--hub", f"http://127.0.0.1:{port}/", "--member", name,
                "--token-file", str(tmp_path / name / "token"), "--log-key", log_key,
                "--collection", "claims", "--jurisdiction", "DE", "--basis", "gdpr-6-1-f",
                "--as-of", "2026-10-01",
            )  # fmt: skip
        yield made
        process.terminate()


def test_a_claim_reaches_others_is_confirmed_and_taken_back(forum: Forum) -> None:
    stix_id = forum.draft("alpha")
    (waiting,) = forum.run("alpha", "review")
    assert waiting["stays_home"] == {"account ids": 240}
    assert forum.run("alpha", "publish")["stored"] == []  # nobody released it
    (left,) = [forum.run("alpha", "review", "--release", stix_id, "--by", "reviewer")]
    assert left == []
    (shown,) = forum.run("alpha", "publish", "--dry-run")
    assert stix_id in shown["content"]
    assert forum.run("alpha", "publish")["stored"] == [stix_id]
    assert forum.run("alpha", "publish")["stored"] == []
    for name in ("beta", "gamma"):
        pulled = forum.run(name, "pull")
        assert (pulled["new"], pulled["cosigned"]) == (1, True)
    assert forum.standing("gamma", stix_id)["weight"] == 0.6
    forum.run("beta", "opinion", stix_id, "agree", "--reason", "own-evidence", "--by", "analyst")
    assert len(forum.run("beta", "publish")["stored"]) == 1
    forum.run("gamma", "pull")
    confirmed = forum.standing("gamma", stix_id)
    assert (confirmed["confirmed"], confirmed["weight"]) == (1, 0.8)
    forum.run("alpha", "revoke", stix_id, "--reason", "an error", "--by", "reviewer")
    forum.run("alpha", "publish")
    assert forum.run("gamma", "pull")["revoked"] == {stix_id: []}
    assert forum.standing("gamma", stix_id)["weight"] == 0.0
    for name in ("share.db", "share.key", "share.toml"):
        assert (forum.folder / "gamma" / name).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("lie", "kind"),
    [
        ("""update objects set body = cast(replace(cast(body as text),
            '"confidence":60', '"confidence":95') as blob)""", "altered"),
        ("update leaves set audience = 999999 where object is not null", "withheld"),
        ("delete from checkpoints where size = (select max(size) from checkpoints)", "rollback"),
    ],
)  # fmt: skip
def test_a_hub_that_changes_its_rows_is_refused_with_evidence(
    forum: Forum, lie: str, kind: str
) -> None:
    forum.say("alpha")
    forum.run("gamma", "pull")
    if kind != "rollback":
        forum.say("alpha")
    before = forum.run("gamma", "list")
    with sqlite3.connect(forum.folder / "hub.db") as hub:
        assert hub.execute(lie).rowcount > 0
    with pytest.raises(NotTrusted, match=kind) as refused:
        forum.run("gamma", "pull")
    assert refused.value.exit_code == 5
    (evidence,) = (forum.folder / "gamma").glob(f"evidence-*-{kind}.json")
    assert str(evidence) in str(refused.value)
    assert json.loads(evidence.read_bytes())["kind"] == kind
    assert forum.run("gamma", "list") == before
