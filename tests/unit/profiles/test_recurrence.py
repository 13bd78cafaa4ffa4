import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.profiles.fields import NO_SHINGLE, SAMPLE, SKETCH
from stillwatch.profiles.recurrence import SLOTS, first_of, lowest, size, tabulate


@given(st.integers(1, 2**64 - 1))
def test_a_set_of_events_is_counted_and_walked_by_its_bits(events: int) -> None:
    word = np.uint64(events)
    assert size(word) == events.bit_count()
    assert lowest(word) == (events & -events).bit_length() - 1


@pytest.mark.parametrize("n", [0, 1, 3, SAMPLE])
def test_the_first_event_of_each_prompt(n: int) -> None:
    prompts = np.arange(SAMPLE, dtype=np.uint32) // 2
    first = np.empty(SAMPLE, dtype=np.int64)
    different = first_of(prompts, n, first)
    assert different == sum(1 << event for event in range(0, n, 2))
    assert first[:n].tolist() == [event // 2 * 2 for event in range(n)]


@given(st.lists(st.sets(st.integers(0, 40), max_size=SKETCH), max_size=SAMPLE))
def test_each_shingle_knows_its_events(sketches: list[set[int]]) -> None:
    shingles = np.full((SAMPLE, SKETCH), NO_SHINGLE, dtype=np.uint32)
    for event, sketch in enumerate(sketches):
        shingles[event, : len(sketch)] = sorted(sketch)
    table, events = np.zeros(SLOTS, np.uint32), np.zeros(SLOTS, np.uint64)
    filled = np.empty(SAMPLE * SKETCH, np.int16)
    used = tabulate(shingles, len(sketches), table, events, filled)
    found = {int(table[at]): int(events[at]) for at in filled[:used]}
    assert found == {
        shingle: sum(1 << event for event, sketch in enumerate(sketches) if shingle in sketch)
        for shingle in set().union(*sketches)
    }
