"""The share of bad rows is that of the last rows."""

from pathlib import Path

import pytest

from stillwatch.errors import TooManyBadRows
from stillwatch.watch.badrows import BadShare
from stillwatch.watch.interface import Bad, Bounds, Taken
from tests.support import batch, event

BOUNDS = Bounds(window_rows=1000, least_rows=200)


def rows(good: int, bad: int) -> Taken:
    """A block of so many good and bad rows."""
    batches = [batch([event(n) for n in range(good)])] if good else []
    said = tuple(Bad("a.jsonl", n, f"no account_id ({n})", "{}") for n in range(bad))
    return Taken(batches, lambda: None, said)


@pytest.fixture
def share(tmp_path: Path) -> BadShare:
    return BadShare(0.01, BOUNDS, tmp_path / "quarantine.jsonl")


def test_good_rows_of_long_ago_excuse_nothing(share: BadShare) -> None:
    for _ in range(50):
        share.check(rows(100, 0))
    share.check(rows(90, 10))  # 10 of the last 1,100
    with pytest.raises(TooManyBadRows, match=r"15 of the last 1,005 .* no account_id \(5\)"):
        share.check(rows(0, 5))


def test_bad_rows_of_long_ago_are_forgotten(share: BadShare) -> None:
    share.check(rows(1000, 10))
    for _ in range(20):
        share.check(rows(100, 0))
    share.check(rows(500, 9))
    share.settle()


def test_a_log_that_is_bad_from_the_start_is_refused_soon(share: BadShare) -> None:
    share.check(rows(0, 49))
    with pytest.raises(TooManyBadRows, match=r"100\.0%"):
        share.check(rows(0, 1))


def test_a_few_rows_are_judged_when_nothing_more_comes(share: BadShare) -> None:
    share.check(rows(10, 2))
    share.settle()
    share.check(rows(0, 11))
    with pytest.raises(TooManyBadRows, match="13 of the last 23"):
        share.settle()


def test_an_earlier_run_counts(share: BadShare, tmp_path: Path) -> None:
    for _ in range(300):
        share.check(rows(4, 0))
    share.check(rows(0, 8))
    assert len(share.recent) <= 101
    again = BadShare(0.01, BOUNDS, tmp_path / "quarantine.jsonl", share.recent)
    again.check(rows(0, 2))
    with pytest.raises(TooManyBadRows):
        again.check(rows(0, 2))
