"""``stillwatch daily`` from outside: yesterday again, killed in the middle, resumed; one result."""

import subprocess
import sys
from pathlib import Path

import pytest

from stillwatch.profiles.store import read_profiles
from tests.logfiles import requests_of, write_jsonl
from tests.profiling import by_account, profiled

ROWS = requests_of(accounts=40, each=60, days=3)
BEGUN = "runs/000002"
"""What is on the disk when the second run has read its files."""


def daily(logs: Path, state: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "stillwatch", "daily", logs, "--state", state, "--days", "21"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def finished(process: subprocess.Popen[bytes]) -> None:
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Logs of two days, which the state beside them has read."""
    folder = tmp_path / "logs"
    folder.mkdir()
    for day in range(2):
        write_jsonl(folder / f"{day}.jsonl", ROWS[day::3])
    finished(daily(folder, tmp_path / "state"))
    return folder


def test_yesterday_again_changes_no_byte(logs: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    before = {path: path.read_bytes() for path in state.rglob("*") if path.is_file()}
    finished(daily(logs, state))
    assert {path: path.read_bytes() for path in state.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("redo", [False, True])
def test_killed_when_a_run_is_half_written_the_next_one_gives_the_same(
    logs: Path, tmp_path: Path, redo: bool
) -> None:
    """SIGKILL as soon as the new run's folder is there: today's run, or yesterday's done again."""
    state = tmp_path / "state"
    today = [*ROWS[1::3], *ROWS[2::3]] if redo else ROWS[2::3]
    write_jsonl(logs / ("1.jsonl" if redo else "2.jsonl"), today)
    process = daily(logs, state)
    while not (state / BEGUN).exists():
        assert process.poll() is None
    process.kill()
    process.communicate()
    finished(daily(logs, state))
    window = by_account(read_profiles(state / "window.parquet"))
    assert window == by_account(profiled(ROWS))
