"""Lookup: places of known shingles, and of no others."""

import numpy as np

from stillwatch.campaigns.lookup import place_of, table_of


def test_places_of_keys_and_none_for_the_rest() -> None:
    keys = np.array([3, 7, 67, 1 << 21, 3 + (1 << 21)], dtype=np.uint32)  # three share a slot
    table = table_of(keys)
    asked = [*keys.tolist(), 4, 0, 131, 3 + (1 << 20)]
    places = [place_of(table, np.uint32(shingle)) for shingle in asked]
    assert places == [0, 1, 2, 3, 4, -1, -1, -1, -1]


def test_no_key_at_all() -> None:
    assert place_of(table_of(np.empty(0, dtype=np.uint32)), np.uint32(5)) == -1
