"""A log file that grows and is rotated in every way: nothing is lost, nothing read twice."""

import gzip
import os
import shutil
from pathlib import Path

import pytest

from stillwatch.errors import InputError
from stillwatch.watch.interface import Bounds
from stillwatch.watch.rotated import LogFile
from tests.watching import OPTIONS, ids, line, lines, taken

BOUNDS = Bounds(retire_s=3600)


def follow(path: Path, before: LogFile | None = None, bounds: Bounds = BOUNDS) -> LogFile:
    """A follower from the start, or one that was started again."""
    return LogFile(path, OPTIONS, bounds, before.position() if before else None)


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "requests.jsonl"
    path.write_bytes(lines(0, 5))
    return path


def test_what_is_added_is_read_once(log: Path) -> None:
    file = follow(log)
    assert taken(file) == ids(0, 5)
    assert taken(file) == []
    append(log, lines(5, 8))
    assert taken(file) == ids(5, 8)
    assert file.backlog() == 0


def test_a_last_line_without_an_end_waits(log: Path) -> None:
    file, whole = follow(log), line(5)
    append(log, whole[:20])
    assert taken(file) == ids(0, 5)
    append(log, whole[20:-1])
    assert taken(file) == []
    append(log, b"\n")
    assert taken(file) == ["e5"]


def test_a_complete_object_without_an_end_is_taken_when_nobody_will_look_again(log: Path) -> None:
    append(log, line(5)[:-1])
    file = follow(log)
    assert taken(file, last=True) == ids(0, 6)
    append(log, b"\n" + line(6))
    assert taken(file) == ["e6"]
    append(log, line(7)[:30])
    assert taken(file, last=True) == []


def test_a_renamed_file_is_read_to_its_end(log: Path) -> None:
    file = follow(log)
    assert taken(file) == ids(0, 5)
    append(log, lines(5, 7))
    old = log.rename(log.with_name("requests.jsonl.1"))
    log.write_bytes(lines(7, 9))
    assert taken(file) == ids(5, 9)
    append(old, lines(9, 10))  # its writer still held it
    assert taken(file) == ["e9"]


def test_between_renaming_and_the_new_file_nothing_is_amiss_but_said(log: Path) -> None:
    file = follow(log)
    taken(file)
    append(log, lines(5, 6))
    log.rename(log.with_name("requests.jsonl.1"))
    assert taken(file) == ["e5"]
    assert "waited for" in file.remarks()[0]
    log.write_bytes(lines(6, 7))
    assert taken(file) == ["e6"]
    assert not file.remarks()


def test_a_rotated_file_is_let_go_of_with_its_unfinished_line(log: Path) -> None:
    file = follow(log, bounds=Bounds(retire_s=0))
    append(log, line(5)[:-1])
    assert taken(file) == ids(0, 5)
    log.rename(log.with_name("requests.jsonl.1"))
    log.write_bytes(lines(6, 7))
    assert taken(file) == ["e5", "e6"]
    assert len(file.position()["parts"]) == 1


def test_a_copied_and_truncated_file_goes_on_in_its_copy(log: Path) -> None:
    file = follow(log)
    taken(file)
    append(log, lines(5, 7))
    shutil.copy(log, log.with_name("requests.jsonl.1"))
    os.truncate(log, 0)
    append(log, lines(7, 8))
    assert sorted(taken(file)) == ids(5, 8)
    assert taken(file) == []


def test_a_file_that_was_truncated_and_grew_beyond_is_another_file(log: Path) -> None:
    file = follow(log)
    taken(file)
    log.write_bytes(lines(100, 120))  # the same inode
    assert taken(file) == ids(100, 120)


def test_a_file_truncated_while_nobody_looked_goes_on_in_its_copy(log: Path) -> None:
    first = follow(log)
    taken(first)
    append(log, lines(5, 7))
    shutil.copy(log, log.with_name("requests.jsonl.1"))
    os.truncate(log, 0)
    append(log, lines(7, 30))
    assert sorted(taken(follow(log, first))) == sorted(ids(5, 30))


@pytest.mark.parametrize("packed", [False, True])
def test_all_that_was_rotated_while_nobody_looked_is_read(log: Path, packed: bool) -> None:
    first = follow(log)
    taken(first)
    append(log, lines(5, 7))
    names = [log.with_name(f"requests.jsonl.{n}") for n in (1, 2)]
    log.rename(names[1])
    names[0].write_bytes(lines(7, 12))
    log.write_bytes(lines(12, 14))
    if packed:
        for name in names:
            name.with_name(name.name + ".gz").write_bytes(gzip.compress(name.read_bytes()))
            name.unlink()
    again = follow(log, first)
    assert sorted(taken(again)) == sorted(ids(5, 14))
    assert taken(follow(log, again)) == []
    assert taken(again) == []


def test_a_rotated_file_that_is_packed_later_is_known(log: Path) -> None:
    file = follow(log, bounds=Bounds(retire_s=0))
    taken(file)
    old = log.rename(log.with_name("requests.jsonl.1"))
    log.write_bytes(lines(5, 6))
    assert taken(file) == ["e5"]
    old.with_name("requests.jsonl.1.gz").write_bytes(gzip.compress(old.read_bytes()))
    old.unlink()
    log.rename(old)
    log.write_bytes(lines(6, 7))
    assert taken(file) == ["e6"]
    assert taken(follow(log, file)) == []


def test_old_files_beside_a_new_one_are_not_its_business(log: Path) -> None:
    log.with_name("requests.jsonl.1").write_bytes(lines(50, 60))
    log.with_name("requests-20260101.jsonl").write_bytes(lines(60, 70))
    file = follow(log)
    assert taken(file) == ids(0, 5)
    log.rename(log.with_name("requests.jsonl.0"))
    log.write_bytes(lines(5, 6))
    assert taken(file) == ["e5"]
    assert taken(follow(log, file)) == []


def test_another_log_beside_is_never_taken_for_a_rotated_one(log: Path) -> None:
    file = follow(log)
    taken(file)
    log.with_name("requests-eu.jsonl").write_bytes(lines(50, 60))
    log.with_name("requests.jsonl.tmp").write_bytes(lines(60, 70))
    log.rename(log.with_name("requests.jsonl.1"))
    log.write_bytes(lines(5, 6))
    assert taken(file) == ["e5"]


def test_a_restart_goes_on_in_the_middle_of_a_rotated_file(log: Path) -> None:
    log.write_bytes(lines(0, 40))
    first = follow(log, bounds=Bounds(block_bytes=1000))
    block = first.take()
    assert block is not None
    block.accept()
    done = block.good
    log.rename(log.with_name("requests.jsonl.1"))
    log.write_bytes(lines(40, 50))
    assert taken(follow(log, first)) == ids(done, 50)


def test_what_is_gone_is_told(log: Path) -> None:
    first = follow(log)
    taken(first)
    append(log, lines(5, 7))
    log.unlink()
    log.write_bytes(lines(7, 9))
    again = follow(log, first)
    assert taken(again) == ids(7, 9)
    assert "could not be read" in again.remarks()[0]


def test_bad_lines_are_numbered_through_the_file(log: Path) -> None:
    file = follow(log, bounds=Bounds(block_bytes=700))
    append(log, b"{broken\n" + lines(5, 9) + b"[1, 2]\n" + lines(9, 10))
    assert sorted(taken(file)) == ["bad 11", "bad 6", *ids(0, 10)]


def test_a_line_beyond_the_limit_is_one_bad_row(tmp_path: Path) -> None:
    log = tmp_path / "requests.jsonl"
    options = OPTIONS.__class__(
        columns=OPTIONS.columns, limits=OPTIONS.limits.__class__(line_bytes=2000)
    )
    log.write_bytes(lines(0, 2) + b'{"a": "' + b"x" * 9000)
    file = LogFile(log, options, Bounds(block_bytes=600))
    assert taken(file) == ["e0", "e1", "bad 3"]
    again = LogFile(log, options, Bounds(block_bytes=600), file.position())
    append(log, b"x" * 500 + b'"}\n' + lines(2, 4))
    assert taken(again) == ["e2", "e3"]


def test_a_table_of_text_keeps_its_header_and_its_records_whole(tmp_path: Path) -> None:
    log = tmp_path / "requests.csv"
    head = b"event_id,timestamp,account_id,model,prompt\n"
    rows = [
        f'e{n},2026-03-02T00:00:0{n}Z,a,m,"said ""{n}""\nover, two lines"\n'.encode()
        for n in range(6)
    ]
    text = head + b"".join(rows)
    log.write_bytes(b"")
    file, found = follow(log), list[str]()
    for start in range(0, len(text), 37):
        append(log, text[start : start + 37])
        found += taken(file)
        file = follow(log, file)
    assert found == ids(0, 6)


def test_a_stray_quote_does_not_hold_up_a_table_for_good(tmp_path: Path) -> None:
    log = tmp_path / "requests.csv"
    log.write_bytes(
        b"event_id,timestamp,account_id,model,prompt\n"
        b"e0,2026-03-02T00:00:00Z,a,m,fine\n"
        b'e1,2026-03-02T00:00:00Z,a,m,"stray\n'
        b"e2,2026-03-02T00:00:00Z,a,m,fine\n"
    )
    assert taken(follow(log)) == ["e0"]
    assert taken(follow(log, bounds=Bounds(retire_s=0))) == ["e0", "e2", "bad 3"]


def test_utf16_and_records_in_parts_are_refused(tmp_path: Path) -> None:
    log = tmp_path / "requests.jsonl"
    log.write_bytes(lines(0, 2).decode().encode("utf-16"))
    with pytest.raises(InputError, match="UTF-16"):
        taken(follow(log))
    log.write_bytes(b'{"category": "GatewayLlmLogs", "requestMessages": []}\n' * 3)
    with pytest.raises(InputError, match="several records"):
        taken(follow(log))
