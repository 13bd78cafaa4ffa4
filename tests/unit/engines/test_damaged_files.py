"""A damaged file among many: nothing of it counts, it is told, and the rest is as without it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from stillwatch.engines.interface import Read
from stillwatch.errors import DamagedFile, UnknownFormat
from tests.clusters import (
    DAMAGES,
    ONE_IN_A_HUNDRED,
    OPTIONS,
    THOUSAND,
    VICTIM,
    cut_short,
    local,
    overwritten,
    thousand,
)
from tests.logfiles import write_jsonl
from tests.profiling import by_account
from tests.support import event


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return thousand(tmp_path_factory.mktemp("many") / "logs")


@pytest.fixture
def victim(files: Path) -> Iterator[Path]:
    path = files / VICTIM
    whole = path.read_bytes()
    yield path
    path.write_bytes(whole)


@pytest.fixture(scope="module")
def without(files: Path) -> Read:
    """The log without the victim."""
    others = [str(path) for path in sorted(files.iterdir()) if path.name != VICTIM]
    assert len(others) == THOUSAND - 1
    return local(others)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_corrupt_file_among_a_thousand_changes_no_result(
    files: Path, victim: Path, without: Read, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    victim.write_bytes(damage(victim.read_bytes()))
    bad = tmp_path / "bad.jsonl"
    got = local([str(files)], ONE_IN_A_HUNDRED, bad, workers=2)
    assert by_account(got.table) == by_account(without.table)
    assert got.table.model_names == without.table.model_names
    [remark] = got.remarks
    assert remark.startswith("1 file ")
    assert str(victim) in remark
    if remark.startswith("1 file is damaged and left out, nothing of it counts: "):
        [line] = bad.read_bytes().splitlines()
        row = orjson.loads(line)
        assert (row["source"], row["line"]) == (str(victim), 0)


def test_bad_rows_before_the_damage_was_found_count_once(
    files: Path, victim: Path, tmp_path: Path
) -> None:
    """The log is read twice then: all of it is counted, and kept, as in one reading."""
    victim.write_bytes(overwritten(victim.read_bytes()))
    nobodys = [event(9000 + number, account_id=None) for number in range(4)]
    first = write_jsonl(tmp_path / "first.jsonl", [*nobodys, event(9009)])
    bad = tmp_path / "bad.jsonl"
    got = local([str(first), str(files)], ONE_IN_A_HUNDRED, bad)
    lines = [orjson.loads(line) for line in bad.read_bytes().splitlines()]
    assert [(row["source"], row["line"]) for row in lines] == [
        (str(victim), 0),
        *((str(first), number) for number in range(1, 5)),
    ]
    assert int(got.table.profiles["events"].sum()) == 3 * (THOUSAND - 1) + 1


@pytest.mark.parametrize("damage", [cut_short, overwritten])
def test_more_damaged_files_than_the_limit_fail(
    files: Path, victim: Path, damage: Callable[[bytes], bytes]
) -> None:
    victim.write_bytes(damage(victim.read_bytes()))
    some = [str(path) for path in sorted(files.iterdir())[450:549]]
    with pytest.raises(DamagedFile, match=VICTIM):
        local(some, ONE_IN_A_HUNDRED)
    with pytest.raises(DamagedFile, match=VICTIM):
        local([str(files)], OPTIONS)
    assert local([*some, str(sorted(files.iterdir())[0])], ONE_IN_A_HUNDRED).remarks


def test_a_log_of_damaged_files_alone_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "cut.parquet").write_bytes(b"PAR1" + bytes(90))
    with pytest.raises(DamagedFile, match=r"cut\.parquet is not a whole Parquet file"):
        local([str(tmp_path)], replace(OPTIONS, bad_file_limit=0.5))
    zeros = tmp_path / "zeros.parquet"
    zeros.write_bytes(bytes(90))
    with pytest.raises(UnknownFormat):
        local([str(zeros)], replace(OPTIONS, bad_file_limit=0.5))
