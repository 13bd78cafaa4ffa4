"""The sample while it is open: whatever the order of events, settled it is the sorted one."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.profiles.fields import EMPTY, EXEMPLARS, SAMPLE
from stillwatch.profiles.requests import requests
from stillwatch.profiles.sample import limits_of
from stillwatch.profiles.table import ProfileTable
from tests.profiling import by_account, kernel, profiled
from tests.support import batch, event


@given(st.permutations(range(3 * SAMPLE)), st.integers(5, 3 * SAMPLE))
@settings(max_examples=25, deadline=None)  # the first example compiles
def test_reading_in_between_changes_nothing(order: list[int], step: int) -> None:
    """A table that is looked at (and so settled) after every few events."""
    rows = [event(i, prompt=f"prompt {i} " * (i % 60)) for i in order]
    looked_at = ProfileTable(profiled([]).families)
    for start in range(0, len(rows), step):
        part = batch(rows[start : start + step])
        looked_at.add(part, requests(part), kernel().features(part.column("prompt")))
        assert (np.diff(looked_at.profiles["sample_key"].astype(np.float64)) >= 0).all()
    assert by_account(looked_at) == by_account(profiled(sorted(rows, key=lambda r: r["event_id"])))


def test_the_same_event_twice_is_sampled_once() -> None:
    profile = profiled([event(1), event(2), event(1)]).profiles[0]
    assert (profile["sample_key"] != EMPTY).sum() == 2
    assert profile["events"] == 3


def test_limits_are_the_largest_key_and_those_of_the_exemplars() -> None:
    profiles = profiled([event(i) for i in range(2 * SAMPLE)]).profiles
    keys = profiles["sample_key"][0]
    assert limits_of(profiles).tolist() == [[keys[-1], *keys[:EXEMPLARS]]]
    assert limits_of(profiled([event(1)]).profiles)[0, 0] == EMPTY


def test_exemplars_follow_their_events() -> None:
    rows = [event(i, prompt=f"this is prompt number {i}") for i in range(200)]
    table = profiled(rows)
    texts = {
        key: row["prompt"]
        for row in rows
        for key in profiled([row]).profiles["sample_key"][0, :1].tolist()
    }
    profile = table.profiles[0]
    for slot in range(EXEMPLARS):
        text = bytes(profile["exemplar_text"][slot][: profile["exemplar_size"][slot]]).decode()
        assert text == texts[int(profile["sample_key"][slot])]
