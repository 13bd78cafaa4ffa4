"""Columns as arrays, whatever lies under a null and wherever a slice begins."""

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.profiles.cells import flags, floats, numbers, present, spread

spans = st.integers(0, 20), st.integers(0, 20)


@given(st.lists(st.none() | st.integers(-(2**31), 2**31 - 1), max_size=40), *spans)
@pytest.mark.parametrize("kind", [pa.int32(), pa.int64()])
def test_numbers(kind: pa.DataType, values: list[int | None], start: int, size: int) -> None:
    part = pa.array(values, kind).slice(min(start, len(values)), size)
    expected = part.to_pylist()
    assert numbers(part).tolist() == [-1 if v is None else v for v in expected]
    assert numbers(part).dtype == kind.to_pandas_dtype()
    assert present(part).tolist() == [v is not None for v in expected]


@given(st.lists(st.none() | st.booleans(), max_size=40), *spans)
def test_flags(values: list[bool | None], start: int, size: int) -> None:
    part = pa.array(values, pa.bool_()).slice(min(start, len(values)), size)
    assert flags(part).tolist() == [bool(v) for v in part.to_pylist()]


def test_floats_keep_their_width() -> None:
    got = floats(pa.array([0.5, None], pa.float32()))
    assert got.dtype == np.float32
    assert got[0] == 0.5
    assert math.isnan(got[1])


@given(st.lists(st.none() | st.sampled_from(["a", "b", ""]), max_size=40), *spans)
def test_each_row_has_what_its_entry_has(values: list[str | None], start: int, size: int) -> None:
    whole = pa.array(values, pa.string()).dictionary_encode()
    part = whole.slice(min(start, len(values)), size)
    sizes = np.array([len(v) + 1 for v in whole.dictionary.to_pylist()], dtype=np.uint64)
    expected = [0 if v is None else len(v) + 1 for v in part.to_pylist()]
    assert spread(sizes, part).tolist() == expected


def test_what_lies_under_a_null_is_not_looked_at() -> None:
    valid = pa.array([True, False, True]).buffers()[1]
    wild = pa.array([0, 2**31 - 1, 1], pa.int32()).buffers()[1]
    indices = pa.Array.from_buffers(pa.int32(), 3, [valid, wild])
    array = pa.DictionaryArray.from_arrays(indices, ["x", "y"])
    assert spread(np.array([5, 6]), array).tolist() == [5, 0, 6]
    assert numbers(indices).tolist() == [0, -1, 1]
    under = pa.array([True, True, True]).buffers()[1]
    assert flags(pa.Array.from_buffers(pa.bool_(), 3, [valid, under])).tolist() == [1, 0, 1]
