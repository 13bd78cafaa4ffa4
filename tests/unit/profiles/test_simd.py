import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.profiles.hashing import kernel
from stillwatch.profiles.simd import (
    add_rows,
    contains,
    count_below,
    letter_mask,
    product_of,
    sort_16,
    sort_32,
)

NUMBERS = st.integers(0, 2**32 - 1) | st.integers(0, 3)
_multiply = product_of(5, 32, 4)


@kernel
def _letters(data, at):  # type: ignore[no-untyped-def]
    return letter_mask(data, at)


@kernel
def _count(values, at, bound):  # type: ignore[no-untyped-def]
    return count_below(values, at, bound)


@kernel
def _contains(values, value):  # type: ignore[no-untyped-def]
    return contains(values, value)


@kernel
def _sort_16(values):  # type: ignore[no-untyped-def]
    sort_16(values)


@kernel
def _sort_32(values):  # type: ignore[no-untyped-def]
    sort_32(values)


@kernel
def _add(pieces, count, rows, total):  # type: ignore[no-untyped-def]
    add_rows(pieces, count, rows, total)


@kernel
def _product(left, at, right, out):  # type: ignore[no-untyped-def]
    _multiply(left, at, right, out)


@given(st.binary(min_size=70, max_size=70), st.integers(0, 6))
@settings(deadline=None)  # the first example compiles
def test_letter_mask(text: bytes, at: int) -> None:
    mask = int(_letters(np.frombuffer(text, dtype=np.uint8), at))
    letters = [bytes([b]).isalpha() for b in text[at : at + 64]]
    assert [bool(mask >> j & 1) for j in range(64)] == letters


@given(st.lists(NUMBERS, min_size=20, max_size=20), st.integers(0, 4), NUMBERS)
@settings(deadline=None)  # the first example compiles
def test_count_below(values: list[int], at: int, bound: int) -> None:
    array = np.array(values, dtype=np.uint32)
    below = sum(value < bound for value in values[at : at + 16])
    assert _count(array, at, np.uint32(bound)) == below


@given(st.lists(NUMBERS, min_size=16, max_size=16), NUMBERS)
@settings(deadline=None)  # the first example compiles
def test_contains(values: list[int], value: int) -> None:
    array = np.array(values, dtype=np.uint32)
    assert bool(_contains(array, np.uint32(value))) == (value in values)


@given(st.lists(NUMBERS, min_size=32, max_size=32))
@settings(deadline=None)  # the first example compiles
def test_sorting_networks(values: list[int]) -> None:
    half, whole = (np.array(values, dtype=np.uint32) for _ in range(2))
    _sort_16(half)
    _sort_32(whole)
    assert half.tolist() == sorted(values[:16]) + values[16:]
    assert whole.tolist() == sorted(values)


@given(st.lists(st.integers(0, 9), max_size=30), st.integers(0, 2**32 - 1))
@settings(deadline=None)  # the first example compiles
def test_add_rows(chosen: list[int], seed: int) -> None:
    generator = np.random.default_rng(seed)
    rows = generator.integers(-(2**15), 2**15, (10, 64)).astype(np.int16)
    pieces = np.zeros((32, 3), dtype=np.uint64)
    pieces[: len(chosen), 0] = chosen
    total = generator.integers(-100, 100, 64).astype(np.int32)
    expected = total + rows[chosen].sum(axis=0, dtype=np.int64)
    _add(pieces, len(chosen), rows, total)
    assert np.array_equal(total, expected)


def test_product() -> None:
    generator = np.random.default_rng(5)
    left = generator.standard_normal((9, 5)).astype(np.float32)
    right = generator.standard_normal((5, 32)).astype(np.float32)
    out = np.empty((4, 32), dtype=np.float32)
    _product(left, 3, right, out)
    assert np.allclose(out, left[3:7] @ right, atol=1e-5)
