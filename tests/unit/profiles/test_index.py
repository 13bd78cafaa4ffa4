"""Rows of ids against a dictionary of strings; equal hashes do not make equal ids."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.profiles import index as module
from stillwatch.profiles.index import Index

parts = st.sampled_from(["a", "b", "ü", "\0", "x" * 7, "y" * 8])
ids = st.lists(parts, max_size=4).map("".join)


@given(st.lists(st.lists(ids, max_size=9), max_size=6), st.booleans())
def test_rows_are_those_of_a_dictionary(batches: list[list[str]], encoded: bool) -> None:
    index, expected = Index(), dict[str, int]()
    for names in batches:
        array = pa.array(names, pa.string())
        rows = index.rows(array.dictionary_encode() if encoded else array)
        assert rows.tolist() == [expected.setdefault(name, len(expected)) for name in names]
        assert len(index) == len(expected)
    assert index.names(0) == list(expected)
    assert index.names(len(expected)) == []


def test_values_of_a_dictionary_that_no_row_uses_get_no_row() -> None:
    index = Index()
    array = pa.DictionaryArray.from_arrays(pa.array([2, 0], pa.int32()), ["a", "unused", "b"])
    assert index.rows(array).tolist() == [0, 1]
    assert index.names(0) == ["b", "a"]


def test_it_grows_and_finds_all_again() -> None:
    index, names = Index(), [f"account-{i}" for i in range(50_000)]
    for start in range(0, len(names), 777):
        index.rows(pa.array(names[start : start + 777]))
    assert index.rows(pa.array(names[::-1])).tolist() == list(range(50_000))[::-1]
    assert index.names(49_998) == names[-2:]


def test_slices_and_large_strings() -> None:
    index = Index()
    array = pa.array(["a", "bb", "ccc", "bb"], pa.large_string())
    assert index.rows(array.slice(1)).tolist() == [0, 1, 0]
    assert index.rows(array.slice(1).cast(pa.string()).slice(2)).tolist() == [0]
    assert index.rows(array.slice(4)).size == 0


@pytest.mark.parametrize("names", [["one", "two", "three", "to"], ["ab", "ac", "b", ""]])
def test_ids_with_equal_hashes_are_told_apart(names: list[str]) -> None:
    """As if every hash were the same: the table is filled by hand with one hash for all."""
    index = Index()
    index.rows(pa.array(names))
    wanted = module.hash_bytes(np.frombuffer(b"new", dtype=np.uint8), 0, 3)
    index._hashes[:] = wanted
    index._slots[:] = 0
    module._refill(index._slots, index._hashes, len(index))
    assert index.rows(pa.array(["new"])).tolist() == [len(names)]
