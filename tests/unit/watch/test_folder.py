"""A folder to which files are added in any order, of any format, whole or growing."""

import gzip
import os
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stillwatch.errors import InputError
from stillwatch.watch.folder import Folder
from stillwatch.watch.interface import Bounds
from tests.support import batch, event
from tests.watching import OPTIONS, ids, line, lines, taken


def follow(path: Path, before: Folder | None = None, bounds: Bounds | None = None) -> Folder:
    """A follower from the start, or one that was started again."""
    return Folder(path, OPTIONS, bounds or Bounds(), before.position() if before else None)


def parquet(path: Path, first: int, stop: int) -> bytes:
    """A Parquet file, written; its bytes."""
    rows = [event(n, account_id=f"a{n % 6}") for n in range(first, stop)]
    pq.write_table(pa.Table.from_batches([batch(rows)]), path, row_group_size=10)
    return path.read_bytes()


def read(folder: Folder) -> list[str]:
    """All there is, in the order of ids."""
    return sorted(taken(folder, last=True))


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_files_of_all_kinds_are_read_once_in_whatever_order_they_come(tmp_path: Path) -> None:
    (tmp_path / "z.jsonl").write_bytes(lines(0, 3))
    folder = follow(tmp_path)
    assert read(folder) == ids(0, 3)
    parquet(tmp_path / "b.parquet", 3, 5)
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "c.jsonl.gz").write_bytes(gzip.compress(lines(5, 7)))
    listed = b"[" + b",".join(lines(7, 9).splitlines()) + b"]"
    (tmp_path / "a.json").write_bytes(listed)
    (tmp_path / "notes.txt").write_bytes(b"not a log")
    (tmp_path / ".hidden.jsonl").write_bytes(lines(90, 91))
    assert read(folder) == ids(3, 9)
    append(tmp_path / "z.jsonl", lines(9, 10))
    assert read(folder) == ["e9"]
    assert read(follow(tmp_path, folder)) == []
    assert not folder.remarks()


def test_a_half_written_table_waits(tmp_path: Path) -> None:
    whole = parquet(tmp_path / "whole.bin", 0, 30)
    log = tmp_path / "a.parquet"
    log.write_bytes(whole[: len(whole) // 2])
    folder = follow(tmp_path)
    assert read(folder) == []
    assert read(folder) == []
    assert "not whole yet" in folder.remarks()[0]
    log.write_bytes(whole)
    assert read(folder) == sorted(ids(0, 30))
    assert not folder.remarks()


def test_half_a_packed_file_waits(tmp_path: Path) -> None:
    whole = gzip.compress(lines(0, 199) + os.urandom(10).hex().encode() + b"\n" + lines(199, 200))
    log = tmp_path / "a.jsonl.gz"
    log.write_bytes(whole[: len(whole) // 2])
    folder = follow(tmp_path)
    assert read(folder) == []
    log.write_bytes(whole)
    assert read(folder) == ["bad 200", *sorted(ids(0, 200))]


def test_a_restart_goes_on_in_the_middle_of_a_table(tmp_path: Path) -> None:
    rows = [event(n, account_id=None if n in (3, 47) else "a") for n in range(60)]
    table = pa.Table.from_pylist(rows, schema=batch(rows).schema.remove_metadata())
    pq.write_table(table, tmp_path / "a.parquet")
    small = OPTIONS.__class__(columns=OPTIONS.columns, batch_rows=10, bad_row_limit=1.0)
    found, folder = list[str](), Folder(tmp_path, small, Bounds())
    for _ in range(20):
        block = folder.take(last=True)
        if block is None:
            break
        assert folder.take(last=True) is block  # not accepted yet: the same again
        for part in block.batches:
            found += part.column("event_id").to_pylist()
        found += [f"bad {row.line}" for row in block.bad]
        block.accept()
        folder = Folder(tmp_path, small, Bounds(), folder.position())
    wanted = [f"e{n}" for n in range(60) if n not in (3, 47)]
    assert sorted(found) == sorted([*wanted, "bad 4", "bad 48"])


def test_a_file_that_cannot_be_used_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"some": "thing"}\n' * 3)
    (tmp_path / "b.jsonl").write_bytes(lines(0, 2))
    (tmp_path / "c.csv").write_bytes(b"name,size\nx,1\n")
    pq.write_table(pa.table({"x": [1]}), tmp_path / "d.parquet")
    folder = follow(tmp_path)
    assert read(folder) == ids(0, 2)
    assert sum("passed over" in remark for remark in folder.remarks()) == 3
    again = follow(tmp_path, folder)
    assert read(again) == []
    assert sum("passed over" in remark for remark in again.remarks()) == 3
    (tmp_path / "a.jsonl").write_bytes(lines(2, 4))
    assert read(again) == ids(2, 4)


def test_a_table_that_is_replaced_is_read_again(tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet", 0, 3)
    folder = follow(tmp_path)
    assert read(folder) == ids(0, 3)
    parquet(tmp_path / "new", 3, 6)
    (tmp_path / "new").replace(tmp_path / "a.parquet")
    assert read(folder) == ids(3, 6)


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("resting", [False, True])
def test_a_renamed_file_is_the_same_file(tmp_path: Path, restarted: bool, resting: bool) -> None:
    log = tmp_path / "a.tmp.jsonl"
    log.write_bytes(lines(0, 3))
    bounds = Bounds(retire_s=0 if resting else 3600)
    folder = follow(tmp_path, bounds=bounds)
    assert read(folder) == ids(0, 3)
    if resting:
        assert read(folder) == []
    log = log.rename(tmp_path / "final.jsonl")
    append(log, lines(3, 4))
    if restarted:
        folder = follow(tmp_path, folder, bounds)
    assert read(folder) == ["e3"]
    append(log, lines(4, 5))
    assert read(folder) == ["e4"]


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("name", ["a-1.jsonl", "a.jsonl.1", "a.jsonl.1.gz"])
def test_rotation_inside_the_folder(tmp_path: Path, restarted: bool, name: str) -> None:
    log = tmp_path / "a.jsonl"
    log.write_bytes(lines(0, 3))
    folder = follow(tmp_path)
    assert read(folder) == ids(0, 3)
    append(log, lines(3, 5))
    if name.endswith("gz"):
        (tmp_path / name).write_bytes(gzip.compress(log.read_bytes()))
        log.unlink()
    else:
        log.rename(tmp_path / name)
    log.write_bytes(lines(5, 6))
    if restarted or name.endswith("gz"):
        folder = follow(tmp_path, folder)
    assert read(folder) == ids(3, 6)
    assert read(folder) == []
    assert read(follow(tmp_path, folder)) == []


def test_quiet_files_are_closed_and_opened_again(tmp_path: Path) -> None:
    for n in range(40):
        (tmp_path / f"{n:02}.jsonl").write_bytes(line(n))
        os.utime(tmp_path / f"{n:02}.jsonl", (time.time() - 999, time.time() - 999))
    folder = follow(tmp_path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert len(read(folder)) == 40
    assert read(folder) == []
    assert len(list(Path("/proc/self/fd").iterdir())) <= before
    append(tmp_path / "07.jsonl", lines(90, 91))
    assert read(folder) == ["e90"]
    (tmp_path / "08.jsonl").unlink()
    assert read(folder) == []
    assert "08.jsonl" not in folder.position()["growing"]


def test_a_first_line_that_cannot_be_told_yet_waits_for_more(tmp_path: Path) -> None:
    log = tmp_path / "a.jsonl"
    log.write_bytes(line(0)[:10])
    folder = follow(tmp_path)
    assert taken(folder) == []
    log.write_bytes(line(0) + line(1))
    assert read(folder) == ids(0, 2)


def test_an_unreadable_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        read(follow(tmp_path / "nowhere"))
