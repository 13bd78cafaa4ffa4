"""A rule from a stranger: tried, put in use, used by the next run, and taken out again."""

import json
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from stillwatch.cli import app
from stillwatch.errors import InputError, PolicyRefused, StillwatchError
from tests.support import event
from tests.travelling import asked, content, text


def _log(path: Path, hits: int, calm: int) -> Path:
    rows = [
        event(2 * i + j, account_id=f"hit{i}", prompt=asked(100 * i + j))
        for i in range(hits)
        for j in range(2)
    ]
    rows += [
        event(10_000 + 2 * i + j, account_id=f"calm{i}", prompt=f"matter {i} of day {j}")
        for i in range(calm)
        for j in range(2)
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rules")
    (folder / "settings.toml").write_text('[rules]\nenabled = "in-use"\n')
    ours = content()["stillwatch"] | {
        "measured": {"accounts": 9000, "upper": 0.0003, "day": "2026-11-01"}
    }
    (folder / "rule.yaml").write_text(text(stillwatch=ours))
    _log(folder / "benign.parquet", 0, 1600)
    _log(folder / "log.parquet", 30, 90)
    return folder


def run(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    if isinstance(done.exception, StillwatchError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def detected(place: Path) -> dict[str, dict[str, Any]]:
    out = place / "result"
    run(
        "detect", place / "log.parquet", "--out", out, "--config", place / "settings.toml", "--json"
    )
    rows = pq.read_table(out / "accounts.parquet").to_pylist()
    return {row["account_id"]: row for row in rows}


def test_from_try_to_disable(place: Path) -> None:
    rule, settings = place / "rule.yaml", ("--config", place / "settings.toml")
    told = json.loads(run("rules", "try", rule, "--profiles", place / "benign.parquet", "--json"))
    assert (told["accounts"], told["matched"], told["faults"]) == (1600, 0, [])
    before = detected(place)
    assert not any(row["flagged"] for row in before.values())

    options = ("--profiles", place / "benign.parquet", "--by", "analyst", *settings)
    assert "in use until 2099-01-01" in run("rules", "enable", rule, *options)
    (listed,) = json.loads(run("rules", "list", "--json", *settings))
    assert (listed["by"], listed["accounts"]) == ("analyst", 1600)
    assert "Derivations" in run("rules", "list", *settings)

    after = detected(place)
    assert {name for name, row in after.items() if row["flagged"]} == {f"hit{i}" for i in range(30)}
    reason = after["hit3"]["reasons"][0]
    assert reason["signal"] == f"rule:{listed['digest'][:12]}"
    assert "2 of 2 sampled requests match the shared rule" in reason["sentence"]
    findings = [
        orjson.loads(line)
        for line in (place / "result" / "findings.jsonl").read_bytes().splitlines()
    ]
    assert all(f["reasons"][0]["signal"].startswith("rule:") for f in findings)

    run("rules", "disable", listed["digest"][:8], *settings)
    assert not any(row["flagged"] for row in detected(place).values())


def test_a_rule_that_is_wrong_here_is_not_enabled(place: Path) -> None:
    options = ("--profiles", place / "log.parquet", "--by", "analyst")
    settings = ("--config", place / "settings.toml")
    with pytest.raises(PolicyRefused, match="matches 30 of 120 benign accounts"):
        run("rules", "enable", place / "rule.yaml", *options, *settings)
    done = CliRunner().invoke(
        app, ["rules", "try", str(place / "rule.yaml"), "--profiles", str(place / "log.parquet")]
    )
    assert done.exit_code == 1
    assert "matches hit1" in done.output
    assert "and 10 more" in done.output
    assert "fault: it matches 30 of 120" in done.output


def test_files_that_are_no_rules(place: Path, tmp_path: Path) -> None:
    for content_ in (b"\xff\xfe", b"title: x"):
        (tmp_path / "bad.yaml").write_bytes(content_)
        with pytest.raises(InputError, match=r"bad\.yaml"):
            run("rules", "try", tmp_path / "bad.yaml", "--profiles", place / "benign.parquet")
    with pytest.raises(InputError, match="cannot be read"):
        run("rules", "try", tmp_path / "none.yaml", "--profiles", place / "benign.parquet")


def test_a_draft_overwrites_nothing(place: Path) -> None:
    with pytest.raises(InputError, match="exists"):
        run(
            "rules", "draft", "C0001", "--from", place, "--out", place / "rule.yaml", "--title", "x"
        )
