"""Profiles by day: once each, whatever is repeated, replaced, late or killed."""

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from stillwatch.config import Config
from stillwatch.daily import manifest, update
from stillwatch.errors import ConfigError, InputError, StoredDataError, TooManyBadRows
from stillwatch.profiles.days import day_number
from stillwatch.profiles.store import read_profiles
from tests.logfiles import write_jsonl
from tests.profiling import by_account, profiled
from tests.support import START, event

TODAY = day_number("2026-03-04")
CONFIG = Config(workers=1)


def day(number: int, n: int = 60, first: int = 0) -> list[dict[str, Any]]:
    """Events of the ``number``-th day of a log."""
    at = START + timedelta(days=number)
    return [
        event(
            1000 * number + first + i,
            account_id=f"a{i % 5}\x1f" if i % 5 == 3 else f"a{i % 5}",
            timestamp=at + timedelta(minutes=i),
        )
        for i in range(n)
    ]


class Lab:
    """A folder of logs and a state, with the clock at ``TODAY``."""

    def __init__(self, folder: Path) -> None:
        self.logs, self.state = folder / "logs", folder / "state"
        self.logs.mkdir()

    def write(self, name: str, *rows: list[dict[str, Any]]) -> Path:
        return write_jsonl(self.logs / name, [row for part in rows for row in part])

    def run(self, *paths: Path, days: int = 3) -> update.Updated:
        named = [str(path) for path in paths] or [str(self.logs)]
        return update.update(named, self.state, CONFIG, days, today=TODAY)

    def window(self) -> dict[str, bytes]:
        return by_account(read_profiles(self.state / "window.parquet"))


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def test_days_come_in_one_by_one_and_give_the_whole_to_the_byte(lab: Lab) -> None:
    for number in range(3):
        lab.write(f"{number}.jsonl", day(number))
        done = lab.run()
        assert (done.read, done.known, done.rows, done.notes) == (1, number, 60, ())
    assert lab.window() == by_account(profiled([*day(0), *day(1), *day(2)]))
    assert done.days == {"2026-03-02": 60, "2026-03-03": 60, "2026-03-04": 60}
    files = sorted(str(p.relative_to(lab.state)) for p in lab.state.rglob("*.parquet"))
    assert files == [
        "runs/000001/2026-03-02.parquet",
        "runs/000002/2026-03-03.parquet",
        "runs/000003/2026-03-04.parquet",
        "window.parquet",
    ]


def test_a_run_again_and_a_copy_under_another_name_change_no_byte(lab: Lab) -> None:
    path = lab.write("0.jsonl", day(0))
    lab.run()
    before = (lab.state / "window.parquet").read_bytes(), lab.window()
    assert lab.run().read == 0
    shutil.copy(path, lab.logs / "again.jsonl")
    path.touch()
    done = lab.run()
    assert (done.read, done.known) == (0, 2)
    assert "read before under another name, not again: " in done.notes[0]
    assert ((lab.state / "window.parquet").read_bytes(), lab.window()) == before


def test_a_late_event_goes_to_its_own_day_and_one_too_late_is_counted(lab: Lab) -> None:
    lab.write("2.jsonl", day(2))
    lab.run(days=2)
    lab.write("3.jsonl", day(1, 5, first=500), day(0, 7, first=500))
    done = lab.run(days=2)
    assert (done.late, done.rows) == (7, 12)
    assert done.days == {"2026-03-03": 5, "2026-03-04": 60}
    assert lab.window() == by_account(profiled([*day(2), *day(1, 5, first=500)]))


def test_the_window_slides_and_files_of_old_days_are_not_read_again(lab: Lab) -> None:
    for number in range(3):
        lab.write(f"{number}.jsonl", day(number))
    assert lab.run(days=3).read == 3
    done = lab.run(days=1)
    assert done.days == {"2026-03-04": 60}
    assert lab.window() == by_account(profiled(day(2)))
    assert lab.run(days=1).read == 0
    assert not list(lab.state.rglob("2026-03-02.parquet"))


def test_a_replaced_file_counts_as_it_is_now(lab: Lab) -> None:
    lab.write("0.jsonl", day(0))
    lab.write("1.jsonl", day(1))
    lab.run()  # both in one run
    lab.write("2.jsonl", day(2))
    lab.run()
    lab.write("1.jsonl", day(1, 70, first=10))
    done = lab.run()
    assert (done.redone, done.read) == (1, 2)
    assert lab.window() == by_account(profiled([*day(0), *day(1, 70, first=10), *day(2)]))
    (lab.logs / "0.jsonl").unlink()
    lab.write("1.jsonl", day(1))
    with pytest.raises(InputError, match=r"0\.jsonl, which was read together with it, is gone"):
        lab.run()
    assert lab.window() == by_account(profiled([*day(0), *day(1, 70, first=10), *day(2)]))


def test_a_clock_that_is_wrong_moves_no_window(lab: Lab) -> None:
    lab.write("0.jsonl", day(2), day(400, 3))
    done = lab.run(days=2)
    assert done.days == {"2026-03-04": 60, "2027-04-06": 3}
    assert done.late == 0


def test_events_that_come_twice_in_other_files_are_told(lab: Lab) -> None:
    lab.write("0.jsonl", day(0, 400))
    lab.run()
    lab.write("1.jsonl", day(0, 100), day(0, 100, first=5000))
    [note] = lab.run().notes
    share = float(note.removeprefix("about ").split("%")[0])
    assert 30 <= share <= 70  # half of the second file, by samples of 64 of five accounts
    assert "count twice" in note


@pytest.mark.parametrize("at", ["write_profiles", "save", "rmtree", "window"])
@pytest.mark.parametrize("redo", [False, True])
def test_whoever_dies_anywhere_goes_on_to_the_same_bytes(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, at: str, redo: bool
) -> None:
    lab.write("0.jsonl", day(0))
    lab.run()
    lab.write("0.jsonl" if redo else "1.jsonl", day(1, 30), day(2, 30))

    class Killed(BaseException):
        pass

    def dies(*_args: Any, **_named: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        place = {"save": update.book, "rmtree": update.shutil}.get(at, update)
        patch.setattr(place, "_window" if at == "window" else at, dies)
        if at == "rmtree" and not redo:
            lab.run()
        else:
            with pytest.raises(Killed):
                lab.run()
    lab.run()
    expected = [*day(1, 30), *day(2, 30)] if redo else [*day(0), *day(1, 30), *day(2, 30)]
    assert lab.window() == by_account(profiled(expected))
    named = {f"{run.number:06d}" for run in manifest.load(lab.state).runs}
    assert {path.name for path in (lab.state / "runs").iterdir()} == named


def test_bad_rows_stop_a_run_and_leave_the_state_as_it_was(lab: Lab) -> None:
    lab.write("0.jsonl", day(0))
    lab.run()
    before = lab.window()
    path = lab.write("1.jsonl", day(1))
    path.write_bytes(path.read_bytes() + b"{broken\n" * 9)
    with pytest.raises(TooManyBadRows):
        lab.run()
    assert lab.window() == before
    assert len(manifest.load(lab.state).runs) == 1
    lines = (lab.state / "quarantine-000002.jsonl").read_bytes().splitlines()
    assert {orjson.loads(line)["source"] for line in lines} == {str(path)}


def test_a_state_in_use_or_damaged_is_told(lab: Lab) -> None:
    lab.write("0.jsonl", day(0))
    with update._held(lab.state), pytest.raises(ConfigError, match="another run uses"):
        lab.run()
    (lab.state / "manifest.json").write_text('{"version": 1, "runs": [{}]}')
    with pytest.raises(StoredDataError, match=r"manifest\.json is damaged"):
        lab.run()
