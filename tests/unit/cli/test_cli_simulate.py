"""The simulate command."""

from pathlib import Path

import orjson
from typer.testing import CliRunner

from stillwatch.cli import app


def test_the_command_writes_a_world_and_says_what_it_wrote(tmp_path: Path) -> None:
    arguments = ["simulate", "--out", str(tmp_path / "w"), "--accounts", "80", "--days", "2"]
    done = CliRunner().invoke(app, [*arguments, "--start", "2025-12-31", "--json"])
    assert done.exit_code == 0, done.output
    summary = orjson.loads(done.stdout)
    described = orjson.loads((tmp_path / "w" / "world.json").read_bytes())
    assert summary["events"] == described["events"] > 0
    assert described["start"] == "2025-12-31"
    names = sorted(path.name for path in (tmp_path / "w" / "events").iterdir())
    assert names == ["day=2025-12-31.parquet", "day=2026-01-01.parquet"]


def test_the_sentence_names_the_next_command(tmp_path: Path) -> None:
    arguments = ["simulate", "--out", str(tmp_path / "w"), "--accounts", "80", "--days", "1"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "events of 80 accounts over 1 days" in done.stdout
    assert "next: stillwatch detect" in done.stdout
