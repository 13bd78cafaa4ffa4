import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.profiles.hashing import (
    hash_bytes,
    hash_strings,
    load_bytes,
    mix64,
)


def test_null_and_empty_are_zero_and_nothing_else_is() -> None:
    hashes = hash_strings(pa.array(["", None, "a", "\0", "\0\0"]))
    assert hashes[:2].tolist() == [0, 0]
    assert len(set(hashes[2:].tolist()) | {0}) == 4


@given(st.lists(st.text()), st.integers(0, 5), st.integers(0, 5))
def test_a_hash_depends_on_the_string_alone(texts: list[str], before: int, after: int) -> None:
    plain = hash_strings(pa.array(texts, pa.string()))
    wrapped = pa.array(["x" * before, *texts, "y" * after], pa.large_string())
    assert hash_strings(wrapped.slice(1, len(texts))).tolist() == plain.tolist()
    assert hash_strings(pa.array(texts, pa.string()).dictionary_encode()).tolist() == plain.tolist()


def test_bytes_under_a_null_do_not_count() -> None:
    valid = pa.array([True, False, True]).buffers()[1]
    whole = pa.array(["a", "hidden", "b"])
    holed = pa.StringArray.from_buffers(3, whole.buffers()[1], whole.buffers()[2], valid)
    assert hash_strings(holed).tolist() == hash_strings(pa.array(["a", None, "b"])).tolist()


def test_other_types_are_refused() -> None:
    with pytest.raises(TypeError, match="string array, not int64"):
        hash_strings(pa.array([1, 2]))


def test_no_collision_among_near_strings_and_all_bits_even() -> None:
    hashes = hash_strings(pa.array([f"acct-{i:07d}" for i in range(200_000)]))
    assert np.unique(hashes).size == hashes.size
    bits = np.unpackbits(hashes.view(np.uint8).reshape(-1, 8), axis=1).mean(axis=0)
    assert np.abs(bits - 0.5).max() < 0.006  # five standard errors


def test_one_changed_byte_flips_half_of_the_bits() -> None:
    data = np.frombuffer(b"the quick brown fox jumps", dtype=np.uint8).copy()
    before = int(hash_bytes(data, 0, data.size))
    flips = []
    for at in range(data.size):
        data[at] ^= 1
        flips.append((before ^ int(hash_bytes(data, 0, data.size))).bit_count())
        data[at] ^= 1
    assert 28 < np.mean(flips) < 36
    assert min(flips) > 12


@pytest.mark.parametrize("count", range(1, 9))
def test_loading_stays_inside_the_array(count: int) -> None:
    data = np.arange(1, 13, dtype=np.uint8)
    for at in range(data.size - count + 1):
        expected = int.from_bytes(data[at : at + count].tobytes(), "little")
        assert int(load_bytes(data, at, count)) == expected


def test_mix64_is_splitmix64() -> None:
    # First output of SplitMix64 seeded with 0 (Vigna's reference implementation).
    assert int(mix64(np.uint64(0x9E3779B97F4A7C15))) == 0xE220A8397B1DCDAF
