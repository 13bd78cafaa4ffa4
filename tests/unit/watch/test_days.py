"""Events go to their own days; what is too old is counted, what is ahead moves nothing."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from stillwatch.profiles.days import day_number
from stillwatch.profiles.store import merge_tables
from stillwatch.profiles.table import ProfileTable
from stillwatch.watch.days import Days
from tests.profiling import by_account, families, profiled
from tests.support import START, batch, event

FIRST = day_number("2026-03-02")


def days(kept: int = 3, newest: int | None = None, now: datetime = START) -> Days:
    return Days(families(), kept, newest, now.timestamp)


def on(day: int, number: int = 0) -> dict[str, object]:
    return event(number, timestamp=START + timedelta(days=day, hours=1))


def test_events_are_folded_into_their_days() -> None:
    kept = days(now=START + timedelta(days=9))
    kept.add(batch([on(0, 1), on(1, 2), on(0, 3), on(2, 4)]))
    assert {day - FIRST: int(t.profiles["events"].sum()) for day, t in kept.fresh.items()} == {
        0: 2, 1: 1, 2: 1,
    }  # fmt: skip
    assert kept.waiting == 3
    assert kept.last_event == START + timedelta(days=2, hours=1)


def test_late_events_go_to_their_day_while_it_is_kept() -> None:
    kept = days(now=START + timedelta(days=9))
    kept.add(batch([on(5, 1)]))
    kept.add(batch([on(3, 2), on(2, 3), on(5, 4)]))
    assert sorted(day - FIRST for day in kept.fresh) == [3, 5]
    assert kept.late == 1
    assert kept.first == FIRST + 3


def test_a_wrong_clock_pushes_nothing_out() -> None:
    kept = days(now=START + timedelta(days=1))
    kept.add(batch([on(0, 1), on(4000, 2), on(2, 3)]))
    assert kept.newest == FIRST + 2  # a day ahead may be another zone
    assert kept.ahead == 1
    assert kept.late == 0
    assert sorted(day - FIRST for day in kept.fresh) == [0, 2, 4000]
    kept.add(batch([on(0, 4)]))
    assert kept.late == 0


def test_the_window_goes_on_where_it_was() -> None:
    kept = days(newest=FIRST + 10, now=datetime(2026, 11, 1, tzinfo=UTC))
    kept.add(batch([on(5), on(9)]))
    assert (kept.late, sorted(kept.fresh)) == (1, [FIRST + 9])


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from("abc")), max_size=40), st.data())
def test_cut_anywhere_days_add_up_to_the_whole(
    what: list[tuple[int, str]], data: st.DataObject
) -> None:
    rows = [
        event(n, account_id=who, timestamp=START + timedelta(days=day, minutes=n))
        for n, (day, who) in enumerate(what)
    ]
    kept, whole, at = days(now=START + timedelta(days=9)), ProfileTable(families().names), 0
    while at < len(rows):
        stop = at + data.draw(st.integers(1, 20))
        kept.add(batch(rows[at:stop]))
        at = stop
        if data.draw(st.booleans()):
            for table in kept.taken().values():
                merge_tables(whole, table, "")
    for table in kept.taken().values():
        merge_tables(whole, table, "")
    assert by_account(whole) == by_account(profiled(rows))
