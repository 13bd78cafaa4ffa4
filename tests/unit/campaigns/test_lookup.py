"""Lookup: places of known shingles, and of no others."""

import numpy as np

from stillwatch.campaigns.lookup import filter_of, first_place
from stillwatch.profiles.fields import NO_SHINGLE


def test_first_of_equal_keys_and_none_for_the_rest() -> None:
    keys = np.array([3, 7, 7, 1 << 21], dtype=np.uint32)
    bits = filter_of(keys)
    asked = [3, 7, 1 << 21, 4, 0, 3 + (1 << 20)]  # the last shares its bit with 3
    places = [first_place(bits, keys, np.uint32(shingle)) for shingle in asked]
    assert places == [0, 1, 3, 4, 4, 4]


def test_padding_is_no_shingle() -> None:
    keys = np.array([NO_SHINGLE], dtype=np.uint32)
    assert first_place(filter_of(keys), keys, NO_SHINGLE) == 1
