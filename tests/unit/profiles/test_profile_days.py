"""Profiles by day: the day rides with the account, and samples tell what two tables share."""

from datetime import UTC, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.logs.byday import tagged, untagged
from stillwatch.profiles.days import Overlap, by_day, day_name, day_number, overlap
from stillwatch.profiles.requests import requests
from stillwatch.profiles.table import ProfileTable
from tests.profiling import by_account, families, kernel, profiled
from tests.support import START, batch, event


def test_each_day_has_the_profiles_of_its_events() -> None:
    rows = [
        event(i, account_id=f"a{i % 3}", timestamp=START + timedelta(hours=7 * i))
        for i in range(40)
    ]
    marked = tagged(batch(rows))
    table = ProfileTable(families().names)
    table.add(marked, requests(marked), kernel().features(marked.column("prompt")))
    days = by_day(table)
    assert list(days) == sorted(days)
    for day, part in days.items():
        mine = [row for row in rows if day_name(day) == row["timestamp"].date().isoformat()]
        assert by_account(part) == by_account(profiled(mine))
    assert sum(len(part) for part in days.values()) == len(table)


@given(st.text(max_size=8), st.datetimes())
def test_any_account_and_any_time_come_back(account, when) -> None:  # type: ignore[no-untyped-def]
    when = when.replace(tzinfo=UTC)
    name = "x" + account.encode("utf-8", "ignore").decode()
    [tag] = tagged(batch([event(1, account_id=name, timestamp=when)])).column("account_id")
    day, back = untagged(tag.as_py())
    assert back == name
    assert day_name(day) == when.date().isoformat()
    assert day_number(day_name(day)) == day


@pytest.mark.parametrize("size", [40, 3000])
def test_the_share_of_events_in_both_is_told(size: int) -> None:
    """All that is sampled tells it exactly, and a sample of many about."""
    one = [event(i, account_id=f"a{i % 9}") for i in range(size)]
    other = [*one[: size // 4], *(event(i, account_id=f"a{i % 9}") for i in range(size, 2 * size))]
    seen, sampled = overlap(profiled(other), profiled(one))
    assert seen / sampled == pytest.approx(0.2, abs=0.001 if size == 40 else 0.08)
    assert overlap(profiled(one), profiled(one)).seen == overlap(profiled(one), profiled(one))[1]


def test_tables_of_other_accounts_share_nothing() -> None:
    one, other = profiled([event(1)]), profiled([event(1, account_id="b")])
    assert overlap(one, other) == Overlap(0, 0)
    assert overlap(one, profiled([])) == Overlap(0, 0)
