"""The state on the disk: written whole, held by one, merged beside, and read back."""

from datetime import timedelta
from pathlib import Path

import pytest

from stillwatch.errors import ConfigError, StoredDataError
from stillwatch.profiles.days import day_number
from stillwatch.profiles.table import ProfileTable
from stillwatch.watch.disk import NotWritten
from stillwatch.watch.interface import Bad, Bounds
from stillwatch.watch.state import State
from tests.profiling import by_account, families, profiled
from tests.support import START, event
from tests.watching import Full, stored

DAY = day_number("2026-03-02")
BAD = Bad("a.jsonl", 3, "no account_id", "{}")


def table(first: int, stop: int, day: int = 0) -> ProfileTable:
    when = START + timedelta(days=day)
    return profiled([event(n, account_id=f"a{n % 4}", timestamp=when) for n in range(first, stop)])


def keep(
    state: State, *tables: tuple[int, ProfileTable], newest: int = 0, first: int = -9, at: int = 0
) -> list[int]:
    fresh = {DAY + day: one for day, one in tables}
    return state.commit(
        fresh, newest=DAY + newest, first=DAY + first,
        sources={"log": {"offset": at}}, counts={"read": at}, bad=(), recent=[],
    )  # fmt: skip


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.parquet")}


def test_what_was_kept_is_read_back(tmp_path: Path) -> None:
    state = State(tmp_path / "state", Bounds())
    keep(state, (0, table(0, 5)), (1, table(5, 9, 1)), newest=1, at=9)
    keep(state, (0, table(9, 12)), newest=1, at=12)
    state.close()
    again = State(tmp_path / "state", Bounds())
    assert by_account(again.load(families().names)) == by_account(
        profiled(
            [
                event(n, account_id=f"a{n % 4}", timestamp=START + timedelta(days=5 <= n < 9))
                for n in range(12)
            ]
        )
    )
    assert again.manifest.sources == {"log": {"offset": 12}}
    assert again.manifest.counts == {"read": 12}
    assert again.manifest.newest == DAY + 1
    assert again.manifest.id == state.manifest.id
    again.close()


def test_one_watcher_at_a_time(tmp_path: Path) -> None:
    state = State(tmp_path, Bounds())
    with pytest.raises(ConfigError, match=r"another watcher \(process \d+\)"):
        State(tmp_path, Bounds())
    state.close()
    State(tmp_path, Bounds()).close()


def test_days_that_left_the_window_go_with_their_files(tmp_path: Path) -> None:
    state = State(tmp_path, Bounds())
    keep(state, (0, table(0, 3)), (1, table(3, 6, 1)), newest=1)
    assert keep(state, (2, table(6, 9, 2)), newest=2, first=1) == [DAY]
    assert len(names(tmp_path)) == 2
    assert not any("2026-03-02" in name for name in names(tmp_path))
    state.close()


def test_many_parts_become_few_and_stay_the_same(tmp_path: Path) -> None:
    state = State(tmp_path, Bounds())
    for n in range(70):
        keep(state, (0, table(3 * n, 3 * n + 3)), at=n)
        state.settle()
    keep(state, at=70)
    levels = [part.level for part in state.manifest.days[DAY]]
    assert max(levels) == 2
    assert len(levels) <= 15
    assert len(names(tmp_path)) == len(levels) + 0
    state.close()
    assert stored(tmp_path) == by_account(table(0, 210))


def test_a_day_that_is_over_becomes_one_part(tmp_path: Path) -> None:
    state = State(tmp_path, Bounds())
    for n in range(9):
        keep(state, (0, table(n, n + 1)), newest=3, at=n)
        state.settle()
    keep(state, newest=3, at=9)
    assert len(state.manifest.days[DAY]) <= 2
    state.close()
    assert stored(tmp_path) == by_account(table(0, 9))


def test_only_what_changed_is_written(tmp_path: Path) -> None:
    state = State(tmp_path, Bounds())
    keep(state, (0, table(0, 3)), newest=1)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.parquet")}
    keep(state, (1, table(3, 4, 1)), newest=1)
    assert all(path.stat().st_mtime_ns == when for path, when in before.items())
    state.close()


def test_bad_rows_are_kept_once_and_within_bounds(tmp_path: Path) -> None:
    state = State(tmp_path, Bounds(quarantine_bytes=300))
    common = {"newest": DAY, "first": DAY, "sources": {}, "counts": {}, "recent": [[1, 0]]}
    state.commit({}, bad=[BAD, BAD], **common)  # type: ignore[arg-type]
    size = state.quarantine.stat().st_size
    with state.quarantine.open("ab") as file:
        file.write(b"what a killed process had begun")
    state.close()
    again = State(tmp_path, Bounds(quarantine_bytes=300))
    again.commit({}, bad=[BAD], **common)  # type: ignore[arg-type]
    assert again.quarantine.stat().st_size == size * 3 // 2
    again.commit({}, bad=[BAD] * 50, **common)  # type: ignore[arg-type]
    assert size < again.quarantine.stat().st_size <= 300
    again.close()


def test_a_full_disk_leaves_the_old_generation(tmp_path: Path) -> None:
    full = Full(0)
    state = State(tmp_path, Bounds(), full)
    keep(state, (0, table(0, 5)), at=5)
    full.refusals = 1
    fresh = table(5, 8)
    with pytest.raises(NotWritten, match="No space left"):
        keep(state, (0, fresh), at=8)
    assert state.manifest.sources == {"log": {"offset": 5}}
    keep(state, (0, fresh), at=8)
    state.close()
    assert stored(tmp_path) == by_account(table(0, 8))


def test_damage_is_refused_with_what_to_do(tmp_path: Path) -> None:
    state = State(tmp_path, Bounds())
    keep(state, (0, table(0, 5)))
    state.close()
    (part,) = tmp_path.glob("*.parquet")
    whole = part.read_bytes()
    part.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StoredDataError):
        stored(tmp_path)
    part.unlink()
    with pytest.raises(StoredDataError):
        stored(tmp_path)
    part.write_bytes(whole)
    manifest = tmp_path / "manifest.json"
    said = manifest.read_bytes()
    for broken in (b"", b"[]", said[:-9], said.replace(b'"version": 1', b'"version": 7')):
        manifest.write_bytes(broken)
        with pytest.raises(StoredDataError, match="begin anew"):
            State(tmp_path, Bounds())
    manifest.unlink()
    with pytest.raises(StoredDataError, match="no manifest"):
        State(tmp_path, Bounds())


def test_leftovers_are_removed_and_other_files_never_touched(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("mine")
    state = State(tmp_path, Bounds())
    keep(state, (0, table(0, 5)))
    state.close()
    (tmp_path / "day=2026-03-02.000999.parquet").write_bytes(b"half")
    (tmp_path / ".day=2026-03-02.001000.parquet.partial").write_bytes(b"half")
    (tmp_path / "export.parquet").write_bytes(b"mine")
    State(tmp_path, Bounds()).close()
    left = {path.name for path in tmp_path.iterdir()}
    assert {"notes.md", "export.parquet"} < left
    assert len(left) == 5
