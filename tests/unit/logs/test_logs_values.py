from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.logs import values

MOMENTS = st.datetimes(datetime(2000, 1, 2), datetime(2199, 1, 1))
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))


@given(MOMENTS, OFFSETS)
def test_every_offset_names_the_same_moment(moment, zone):
    utc = moment.replace(tzinfo=UTC)
    expected = (utc - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert values.to_micros(utc.astimezone(zone).isoformat()) == expected
    assert values.to_micros(moment.isoformat()) == expected
    assert values.to_micros(utc.isoformat().replace("+00:00", "Z")) == expected


@given(st.integers(946_684_800, 7_258_118_399))
def test_the_unit_of_an_epoch_is_told_by_its_size(second):
    for unit, factor in (("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)):
        assert values.to_micros(second * factor) == second * 10**6
        assert values.to_micros(str(second * factor)) == second * 10**6
        assert values.to_micros(second * factor, unit) == second * 10**6


@pytest.mark.parametrize(
    "bad", ["soon", "1999-12-31", "2200-01-01", 12, -1, float("inf"), [1], True]
)
def test_what_is_no_moment_is_refused(bad):
    with pytest.raises((ValueError, OverflowError)):
        values.to_micros(bad)


@pytest.mark.parametrize("bad", ["many", -1, 1.5, 2**31, True, [1], "1e99", float("inf")])
def test_what_is_no_count_is_refused(bad):
    with pytest.raises((ValueError, OverflowError)):
        values.to_int(bad)


def test_absent_values_are_absent():
    for absent in (None, "", "  ", float("nan")):
        assert values.to_int(absent) is None
        assert values.to_float(absent) is None
    assert values.to_bool("") is None
    assert values.to_micros(" ") is None


def test_words_for_truth():
    assert [values.to_bool(v) for v in ("TRUE", "yes", 1, "f", "No", 0)] == [True] * 3 + [False] * 3
    with pytest.raises(ValueError, match="truth"):
        values.to_bool("perhaps")


def test_identifiers_may_be_numbers():
    assert values.to_text(42) == "42"
    assert values.to_text(42.0) == "42"
    with pytest.raises(ValueError, match="dict"):
        values.to_text({"a": 1})


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02t08:00:00z",
        "2026/03/02 08:00:00",
        "2026/03/02 08:00:00.000",
        "Mon, 02 Mar 2026 08:00:00 GMT",
        "Mon, 02 Mar 2026 09:00:00 +0100",
        "02/Mar/2026:08:00:00 +0000",
        "1.7724384E9",
    ],
)
def test_times_in_rarer_forms(text):
    assert values.to_micros(text) == 1_772_438_400_000_000


@pytest.mark.parametrize("text", ["03/02/2026 08:00:00", "Monday", "08:00", "nan", "2026-02-30"])
def test_times_that_could_be_several_are_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        values.to_micros(text)
