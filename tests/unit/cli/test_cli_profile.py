"""The profile command: days add up, mistakes leave the old file."""

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stillwatch import cli
from stillwatch.__main__ import main
from stillwatch.errors import InputError
from stillwatch.profiles.store import read_profiles
from tests.logfiles import contents, requests_of, write_jsonl
from tests.profiling import by_account


def run(*arguments: object, code: int = 0) -> str:
    done = CliRunner().invoke(cli.app, ["profile", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return done.stdout


@pytest.fixture
def days(tmp_path: Path) -> list[Path]:
    rows = requests_of()
    return [write_jsonl(tmp_path / f"day{d}.jsonl", rows[d::3]) for d in range(3)]


def test_day_by_day_is_all_at_once(days: list[Path], tmp_path: Path) -> None:
    rolling, whole = tmp_path / "rolling.parquet", tmp_path / "whole.parquet"
    run(days[0], "--out", rolling)
    for day in days[1:]:
        run(rolling, day, "--out", rolling)
    run(*days, "--out", whole)
    one, other = read_profiles(rolling), read_profiles(whole)
    assert by_account(one) == by_account(other)
    assert one.model_names == other.model_names


def test_it_says_what_it_did(days: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "all.parquet"
    assert "120 requests of 12 accounts, 2026-03-02 to 2026-03-04, 0 rows" in run(
        *days, "--out", out
    )
    told = json.loads(run(*days, "--out", out, "--json"))
    assert (told["events"], told["accounts"], told["quarantined"]) == (120, 12, 0)
    assert told["out"] == str(out)


def test_quarantined_rows_lie_beside_the_profiles(days: list[Path], tmp_path: Path) -> None:
    with days[0].open("a") as file:
        file.write("no json\n")
    told = json.loads(run(*days, "--out", tmp_path / "new" / "all.parquet", "--json"))
    assert told["quarantined"] == 1
    assert contents(tmp_path / "new") == ["all.parquet", "all.quarantine.jsonl"]


def test_a_mistake_is_one_line_and_the_old_file_stays(
    days: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "all.parquet"
    run(*days, "--out", out)
    before, names = out.read_bytes(), contents(tmp_path)
    monkeypatch.setattr(sys, "argv", ["stillwatch", "profile", "nowhere", "--out", str(out)])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert (out.read_bytes(), contents(tmp_path)) == (before, names)


def test_a_folder_or_a_file_in_the_way_is_refused_before_reading(
    days: list[Path], tmp_path: Path
) -> None:
    for out in (tmp_path, days[0] / "all.parquet"):
        done = CliRunner().invoke(cli.app, ["profile", "nowhere", "--out", str(out)])
        assert isinstance(done.exception, InputError)
        assert "nowhere" not in str(done.exception)
