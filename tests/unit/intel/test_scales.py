"""Figures leave on scales: counts as ranges, p-values rounded up, times cut."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.domain.claim import Span
from stillwatch.intel import scales


@given(st.integers(0, 10**9 - 1))
def test_each_count_has_one_range(count):
    found = [s for s in scales.SPANS if s.low <= count <= s.high]
    assert found == [scales.span(count)]


@pytest.mark.parametrize(
    ("count", "low", "high"),
    [(0, 0, 0), (1, 1, 1), (2, 2, 4), (4, 2, 4), (5, 5, 9), (10, 10, 19), (499, 200, 499),
     (10**9, 500_000_000, 999_999_999)],
)  # fmt: skip
def test_ranges(count, low, high):
    assert scales.span(count) == Span(low, high)


@given(st.floats(0, 1))
def test_a_p_value_is_never_told_smaller(value):
    told = scales.one_digit_up(value)
    assert told in scales.DIGITS
    assert told >= value * (1 - 1e-9)
    assert told <= max(value * 2.0000001, scales.LEAST_P)


@pytest.mark.parametrize(("value", "told"), [(0, 1e-6), (0.0021, 0.003), (0.003, 0.003),
                                             (0.91, 1.0), (0.95, 1.0), (1, 1.0)])  # fmt: skip
def test_rounding_up(value, told):
    assert scales.one_digit_up(value) == told


@pytest.mark.parametrize(("value", "told"), [(0, 0), (4.9, 0), (5, 5), (73, 70), (100, 100)])
def test_confidence_goes_down(value, told):
    assert scales.confidence(value) == told


@pytest.mark.parametrize(
    ("function", "value"),
    [(scales.span, -1), (scales.one_digit_up, 1.1), (scales.one_digit_up, float("nan")),
     (scales.confidence, 101)],
)  # fmt: skip
def test_what_is_on_no_scale(function, value):
    with pytest.raises(ValueError, match=r"between|negative"):
        function(value)


def test_times_are_cut_in_utc():
    at = datetime(2026, 1, 1, 0, 30, 15, 471182, timezone(timedelta(hours=1)))
    assert scales.to_second(at) == datetime(2025, 12, 31, 23, 30, 15, tzinfo=UTC)
    assert scales.to_day(at) == datetime(2025, 12, 31, tzinfo=UTC)
    assert scales.to_day(at, 90) == datetime(2026, 3, 31, tzinfo=UTC)
