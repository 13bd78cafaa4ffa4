import orjson
import pytest

from stillwatch.errors import InputError
from stillwatch.logs import Limits, Quarantine


def test_no_file_without_a_bad_row(tmp_path):
    path = tmp_path / "bad.jsonl"
    with Quarantine(path) as quarantine:
        pass
    assert quarantine.count == 0
    assert not path.exists()


def test_rows_are_written_and_cut(tmp_path):
    path = tmp_path / "deep" / "bad.jsonl"
    with Quarantine(path, Limits(quarantine_bytes=4)) as quarantine:
        quarantine.add("a", 3, "unusable model (x)", b"\xff123456")
        quarantine.add("a", 9, "unusable model (y)", "text")
    rows = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    assert rows[0] == {"source": "a", "line": 3, "reason": "unusable model (x)", "raw": "\ufffd123"}
    assert rows[1]["raw"] == "text"
    assert quarantine.reasons == {"unusable model": 2}
    assert [bad.line for bad in quarantine.first] == [3, 9]


def test_a_place_that_cannot_be_written_is_a_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with Quarantine(tmp_path / "file" / "bad.jsonl") as quarantine, pytest.raises(InputError):
        quarantine.add("a", 1, "x", b"")


def ended_by(error, path):
    with Quarantine(path) as quarantine:
        quarantine.add("a", 1, "x", b"")
        raise error


def test_an_interrupt_leaves_the_file_of_an_earlier_run_and_nothing_else(tmp_path):
    path = tmp_path / "bad.jsonl"
    path.write_text("earlier")
    with pytest.raises(KeyboardInterrupt):
        ended_by(KeyboardInterrupt(), path)
    assert path.read_text() == "earlier"
    with pytest.raises(KeyboardInterrupt):
        ended_by(KeyboardInterrupt(), tmp_path / "new" / "bad.jsonl")
    assert [each.name for each in tmp_path.iterdir()] == ["bad.jsonl"]


def test_an_error_keeps_what_was_found(tmp_path):
    path = tmp_path / "bad.jsonl"
    with pytest.raises(InputError):
        ended_by(InputError("too much"), path)
    assert path.exists()
    assert [each.name for each in tmp_path.iterdir()] == ["bad.jsonl"]
