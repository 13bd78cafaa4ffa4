"""One job over three labs by the program's own commands: a hub and three evaluators over HTTP."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stillwatch.errors import StillwatchError, StoredDataError
from stillwatch.hub.setup import initialise
from stillwatch.sharing.matching.suspects import read
from tests.databases import sqlite
from tests.e2e.test_share_actors import epoch
from tests.joining import result
from tests.sharers import NAMES, Labs, command, labs


@pytest.fixture
def forum(tmp_path: Path) -> Iterator[Labs]:
    with sqlite(tmp_path) as url:
        made = initialise(url, tmp_path / "log.key", "hub.test/log")
        with labs(tmp_path, url, tmp_path / "log.key", made.vkey) as opened:
            yield opened


def campaigns(forum: Labs, who: str, name: str, folder: Path) -> Any:
    words = ("campaigns", name, folder, "--config", forum.settings(who), "--json")
    return json.loads(command(*words))


def test_three_labs_find_together_what_none_finds_alone(forum: Labs, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    results = {who: result(who, tmp_path / "logs") for who in NAMES}
    with epoch(forum, "2026-q4") as panel:
        for who in NAMES:
            made = campaigns(forum, who, "draft", results[who])
            shown = forum.run(who, "review")
            assert "reasoning" not in json.dumps(shown)
            assert all(one["stays_home"]["bands tagged"] >= 2 for one in shown)
            ids = [one["id"] for one in made["drafts"]]
            forum.run(who, "pull")
            releases = [word for id_ in ids for word in ("--release", id_)]
            forum.run(who, "review", *releases, "--by", "reviewer")
            assert sorted(forum.run(who, "publish")["stored"]) == sorted(ids)
        for who in NAMES:
            forum.run(who, "pull")
            found = campaigns(forum, who, "join", results[who])
            job = {a for g in read(results[who]).groups for a in g.accounts if a.startswith("j-")}
            promoted = [one for one in found["groups"] if one["promoted"]]
            assert {account for one in promoted for account in one["promoted"]} == job
            assert len(promoted[0]["found_with"]) == 2
            said = command("campaigns", "join", results[who], "--config", forum.settings(who))
            assert f"found with {' and '.join(promoted[0]['found_with'])}: 5 accounts" in said
        wire = b"".join(asked.body for asked in forum.wire.asked)
        wire += b"".join(part for node in panel.nodes for part in node.wire)
    for suspected in map(read, results.values()):
        for group in suspected.groups:
            for secret in (*group.accounts, *group.bands, *group.prompts):
                assert secret.encode() not in wire
            assert all(bytes.fromhex(mark) not in wire for mark in (*group.bands, *group.prompts))


def test_what_would_leave_is_shown_and_nothing_is_kept(forum: Labs, tmp_path: Path) -> None:
    folder = result("alpha", tmp_path)
    before = sorted((forum.folder / "alpha").iterdir())
    said = json.loads(command("campaigns", "tags", folder, "--json"))
    told = [group for group in said["groups"] if not group["reported"]]
    assert told
    assert said["tags"] == sum(one["bands"] + one["prompts"] for one in said["groups"])
    assert not {a for g in read(folder).groups for a in g.accounts} & set(
        json.dumps(said).split('"')
    )
    assert f"{said['tags']} tags of {len(said['groups'])} groups would leave" in command(
        "campaigns", "tags", folder
    )
    assert sorted((forum.folder / "alpha").iterdir()) == before
    assert forum.run("alpha", "review") == []


def test_joining_before_anything_was_pulled_says_what_to_do(forum: Labs, tmp_path: Path) -> None:
    folder = result("alpha", tmp_path)
    with pytest.raises(StillwatchError, match="no pack of another lab"):
        campaigns(forum, "alpha", "join", folder)


def test_a_result_of_an_older_version_or_of_another_run_is_refused(tmp_path: Path) -> None:
    folder = result("alpha", tmp_path)
    findings = folder / "findings.jsonl"
    findings.write_bytes(findings.read_bytes() + b"\n")
    with pytest.raises(StoredDataError, match="of another run"):
        command("campaigns", "tags", folder)
    (folder / "suspects.json").unlink()
    with pytest.raises(StoredDataError, match="has no suspected groups"):
        command("campaigns", "tags", folder)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"schema": "stillwatch-suspects/2"}'])
def test_a_damaged_file_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "findings.jsonl").touch()
    (tmp_path / "suspects.json").write_text(content)
    with pytest.raises(StoredDataError, match=r"suspects\.json"):
        read(tmp_path)
