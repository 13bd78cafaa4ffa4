"""Folding account by account gives the profiles that folding event by event gives, to the byte."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.profiles.gathered import TOGETHER, Gathered
from stillwatch.profiles.requests import requests
from stillwatch.profiles.table import ProfileTable
from stillwatch.profiles.text import DIM
from tests.profiling import by_account, families, kernel, profiled
from tests.support import batch, event

SPARE = np.zeros((4000, DIM), np.float32)


def gathered(parts: list[list[dict[str, Any]]], room: int) -> tuple[Gathered, ProfileTable]:
    """All that comes out, merged; counting begins anew where a part does not fit any more."""
    held, table = Gathered(families().names, room), ProfileTable(families().names)

    def hand_on() -> None:
        for ids, profiles in held.profiles():
            table.merge_profiles(ids, profiles)
        assert held.held == 0

    for part in parts:
        events = batch(part)
        if held.held + len(part) > room:
            hand_on()
        kernel().features(events.column("prompt"), held.place(len(part), SPARE))
        held.add(events, requests(events))
    hand_on()
    return held, table


PROMPTS = st.one_of(
    st.none(),
    st.text(max_size=20),
    st.integers(340, 365).map(lambda n: "ab c" * 85 + "\u00fc\u20ac\U0001f600" * (n - 339)),
    st.sampled_from(["x" * 354, "x" * 353 + "\u20ac", "x" * 352 + "\u20ac", "x" * 358 + "\u20ac"]),
)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 9), PROMPTS), min_size=1, max_size=60), st.data())
def test_any_events_in_any_parts(rows: list[tuple[int, str | None]], data: st.DataObject) -> None:
    events = [
        event(i, account_id=f"a{account}", prompt=prompt or "", model=f"m{i % 3}")
        for i, (account, prompt) in enumerate(rows)
    ]
    size = data.draw(st.integers(1, len(events)))
    parts = [events[at : at + size] for at in range(0, len(events), size)]
    held, table = gathered(parts, data.draw(st.sampled_from([size, 2 * size, 60])))
    expected = profiled(events)
    assert by_account(table) == by_account(expected)
    assert held.model_names == expected.model_names


def test_more_accounts_than_are_made_at_a_time() -> None:
    events = [event(i, account_id=f"a{i * 7 % (2 * TOGETHER + 5)}") for i in range(3000)]
    _, table = gathered([events[::2], events[1::2]], 3000)
    assert by_account(table) == by_account(profiled(events))
    assert len(table) == 2 * TOGETHER + 5


def test_an_account_with_a_full_sample_and_one_with_a_single_event() -> None:
    events = [event(i, account_id="busy" if i else "rare", prompt=f"p {i}") for i in range(1, 900)]
    events.append(event(0, account_id="rare"))
    _, table = gathered([events], 1000)
    assert by_account(table) == by_account(profiled(events))
