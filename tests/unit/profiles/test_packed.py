"""Packed profiles are exact copies, and what is no packed profile is refused."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.errors import StoredDataError
from stillwatch.profiles.fields import PROFILE
from stillwatch.profiles.merge import empty
from stillwatch.profiles.packed import packed, unpacked
from tests.profiling import profiled
from tests.support import event


def test_profiles_of_events_come_back_to_the_byte() -> None:
    table = profiled([event(i, account_id=f"a{i % 7}") for i in range(200)])
    there = packed(table.profiles)
    assert unpacked(there).tobytes() == table.profiles.tobytes()
    assert unpacked(there.slice(2, 3)).tobytes() == table.profiles[2:5].tobytes()


@given(st.lists(st.binary(min_size=1, max_size=64), max_size=4), st.integers(0, PROFILE.itemsize))
def test_any_bytes_of_a_record_come_back(texts: list[bytes], at: int) -> None:
    profiles = empty(len(texts))
    whole = profiles.view(np.uint8).reshape(len(texts), PROFILE.itemsize)
    for row, text in enumerate(texts):
        part = text[: PROFILE.itemsize - at]
        whole[row, at : at + len(part)] = np.frombuffer(part, np.uint8)
    assert unpacked(packed(profiles)).tobytes() == profiles.tobytes()


def test_few_events_are_short() -> None:
    one = packed(profiled([event(1)]).profiles)
    assert len(one[0].as_py()) < PROFILE.itemsize / 5


@pytest.mark.parametrize(
    "damage", [lambda raw: raw[:-8], lambda raw: raw + bytes(8), lambda raw: raw[:-1],
               lambda raw: raw[:16], lambda raw: b"\xff" * 8 + raw[8:], lambda _: b""]
)  # fmt: skip
def test_other_bytes_are_refused(damage) -> None:  # type: ignore[no-untyped-def]
    raw = packed(profiled([event(1)]).profiles)[0].as_py()
    with pytest.raises(StoredDataError, match="damaged or of another layout"):
        unpacked(pa.array([damage(raw)], pa.binary()))
