"""Pairs looked up from either side: what changed wins over what stood."""

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.detection.held import Held

Ints = npt.NDArray[np.int64]
PAIRS = st.sets(st.tuples(st.integers(0, 9), st.sampled_from([0, 1, 5, 2**32 - 1])), max_size=20)


def arrays(pairs: set[tuple[int, int]]) -> tuple[Ints, Ints]:
    listed = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
    return listed[:, 0], listed[:, 1]


@given(PAIRS, st.lists(st.tuples(st.sets(st.integers(0, 12), max_size=4), PAIRS), max_size=4))
def test_as_a_set_of_pairs(
    bulk: set[tuple[int, int]], changes: list[tuple[set[int], set[tuple[int, int]]]]
) -> None:
    held, model = Held(*arrays(bulk)), set(bulk)
    for changed, pairs in changes:
        theirs = {pair for pair in pairs if pair[0] in changed}
        held.replace(np.array(sorted(changed), dtype=np.int64), *arrays(theirs))
        model = {pair for pair in model if pair[0] not in changed} | theirs
    accounts, values = np.arange(14), np.array([0, 1, 2, 5, 2**32 - 1])
    place, found = held.of(accounts)
    assert sorted(zip(place.tolist(), found.tolist(), strict=True)) == sorted(model)
    place, who = held.holders(values)
    assert {(a, int(values[p])) for p, a in zip(place, who.tolist(), strict=True)} == model
    assert place.size == len(model)
    place, before = held.before(accounts)
    assert set(zip(place.tolist(), before.tolist(), strict=True)) == bulk
