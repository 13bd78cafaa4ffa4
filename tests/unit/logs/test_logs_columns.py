import datetime as dt
import uuid

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.logs.columns import canonical
from stillwatch.logs.schema import ARROW_TYPES, EVENT_COLUMNS
from stillwatch.logs.values import CONVERTERS

NUMBERS = st.one_of(
    st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)),
    st.lists(st.none() | st.floats(width=64)),
    st.lists(
        st.none()
        | st.sampled_from(
            ["", " 7 ", "12", "-3", "1.5", "x", "1e400", "9" * 30, "9007199254740993"]
        )
    ),
    st.lists(st.none() | st.booleans()),
)


def one_by_one(values, column):
    """The slow way, as the reference: converted values, ``None`` where a value is of no use."""
    out, bad = [], 0
    for value in values:
        try:
            out.append(CONVERTERS[column.type](value))
        except (ValueError, OverflowError):
            out.append(None)
            bad += 1
    kind = pa.int64() if column.type == "timestamp" else ARROW_TYPES[column.type]
    return pa.array(out, kind).cast(ARROW_TYPES[column.type]), bad


@given(NUMBERS, st.sampled_from(["input_tokens", "asn", "temperature"]))
def test_whole_columns_are_cast_as_single_values_are(values, name):
    column = EVENT_COLUMNS[name]
    expected, bad = one_by_one(values, column)
    got, got_bad = canonical(pa.array(values), column)
    assert got.equals(expected), (got, expected)
    assert got_bad == bad


@given(st.lists(st.none() | st.integers(0, 2**63 - 1) | st.integers(10**9, 2 * 10**9)))
def test_epoch_columns_are_cast_as_single_values_are(values):
    column = EVENT_COLUMNS["timestamp"]
    expected, bad = one_by_one(values, column)
    got, got_bad = canonical(pa.array(values, pa.int64()), column)
    assert got.equals(expected)
    assert got_bad == bad


@given(
    st.lists(st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2210, 1, 1))),
    st.sampled_from(["s", "ms", "us", "ns"]),
    st.sampled_from([None, "UTC", "Europe/Berlin"]),
)
def test_timestamps_of_any_unit_and_zone(moments, unit, zone):
    moments = [moment.replace(microsecond=0, tzinfo=dt.UTC) for moment in moments]
    array = pa.array(moments, pa.timestamp(unit, "UTC")).cast(pa.timestamp(unit, zone or "UTC"))
    if zone is None:
        array = array.cast(pa.int64()).cast(pa.timestamp(unit))
    got, bad = canonical(array, EVENT_COLUMNS["timestamp"])
    good = [moment if 2000 <= moment.year < 2200 else None for moment in moments]
    assert got.to_pylist() == good
    assert bad == good.count(None)


@pytest.mark.parametrize(
    "texts",
    [
        ["2026-03-02T08:00:00Z", "2026-03-02T10:00:00+02:00"],
        ["2026-03-02T08:00:00", "2026-03-02 08:00:00.000"],
        ["2026-03-02T08:00:00.0000000Z"],
        ["2026-03-02T08:00:00Z", "2026-03-02T08:00:00", "1772438400", "1772438400000"],
    ],
)
def test_iso_texts_with_and_without_zone(texts):
    got, bad = canonical(pa.array(texts), EVENT_COLUMNS["timestamp"])
    assert set(got.to_pylist()) == {dt.datetime(2026, 3, 2, 8, tzinfo=dt.UTC)}
    assert bad == 0


@pytest.mark.parametrize(
    "kind",
    [
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.binary(),
        pa.dictionary(pa.int8(), pa.string()),
    ],
)
def test_text_of_every_encoding_becomes_plain(kind):
    got, bad = canonical(pa.array(["a", None, "ö"]).cast(kind), EVENT_COLUMNS["user_agent"])
    assert got.type == pa.string()
    assert got.to_pylist() == ["a", None, "ö"]
    assert bad == 0


def test_text_that_is_not_utf8_costs_only_its_own_cell():
    unchecked = pa.StringArray.from_buffers(
        2, pa.array([0, 1, 2], pa.int32()).buffers()[1], pa.py_buffer(b"a\xff")
    )
    got, bad = canonical(unchecked, EVENT_COLUMNS["user_agent"])
    assert got.to_pylist() == ["a", None]
    assert bad == 1


@pytest.mark.parametrize("others", [[], ["1.5"], [" 7 ", ""]])
def test_whole_numbers_in_text_keep_every_digit(others):
    got, bad = canonical(pa.array(["9007199254740993", *others]), EVENT_COLUMNS["asn"])
    assert got[0].as_py() == 9007199254740993
    assert bad == others.count("1.5")


def test_nested_values_are_no_text():
    got, bad = canonical([{"a": 1}, "x", None], EVENT_COLUMNS["user_agent"])
    assert got.to_pylist() == [None, "x", None]
    assert bad == 1


def test_uuids_are_written_out():
    ids = [uuid.UUID(int=7), None]
    got, bad = canonical(pa.array(ids, pa.uuid()), EVENT_COLUMNS["account_id"])
    assert got.to_pylist() == ["00000000-0000-0000-0000-000000000007", None]
    assert bad == 0
