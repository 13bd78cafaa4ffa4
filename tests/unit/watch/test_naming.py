"""Campaigns keep their names as they grow, split, pause and change places."""

from pathlib import Path

import pytest

from stillwatch.errors import StoredDataError
from stillwatch.watch.disk import NotWritten
from stillwatch.watch.naming import Names
from tests.watching import Dying, Killed

A, B = [f"a{n}" for n in range(10)], [f"b{n}" for n in range(8)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "campaigns.json"


def test_a_campaign_keeps_its_name_when_it_grows_and_changes_places(path: Path) -> None:
    names = Names(path)
    assert names.of([A, B]) == ["C0001", "C0002"]
    assert names.of([[*B, "b8"], [*A, "a10", "a11"]]) == ["C0002", "C0001"]
    assert Names(path).of([A[:6], B]) == ["C0001", "C0002"]


def test_a_new_campaign_gets_a_name_that_nobody_had(path: Path) -> None:
    names = Names(path)
    names.of([A])
    assert names.of([]) == []
    assert names.of([B]) == ["C0002"]
    assert names.of([B, A]) == ["C0002", "C0001"]  # it was only away


def test_the_larger_part_of_a_split_campaign_keeps_the_name(path: Path) -> None:
    names = Names(path)
    names.of([A])
    assert names.of([A[:4], A[4:]]) == ["C0002", "C0001"]


def test_of_two_that_became_one_the_larger_gives_the_name(path: Path) -> None:
    names = Names(path)
    names.of([B, A])
    assert names.of([A + B]) == ["C0002"]


def test_a_few_common_accounts_do_not_make_it_the_same(path: Path) -> None:
    names = Names(path)
    names.of([A])
    assert names.of([[*B, "a0", "a1"]]) == ["C0002"]


def test_names_are_on_the_disk_before_they_are_told(path: Path) -> None:
    with pytest.raises(Killed):
        Names(path, Dying(1, half=True)).of([A])
    assert Names(path).of([B]) == ["C0001"]
    with pytest.raises(NotWritten):
        Names(path.parent / "nowhere" / "campaigns.json").of([A])


def test_a_damaged_file_is_refused(path: Path) -> None:
    path.write_bytes(b'{"next": ')
    with pytest.raises(StoredDataError, match="remove it"):
        Names(path)
