"""Streams: the strands of an account's traffic that share a scaffold, and nothing else."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.campaigns.streams import Streams, occurrences, spans, streams_of
from stillwatch.profiles.merge import Profiles, empty
from tests.profiling import profiled
from tests.support import event

SCAFFOLDS = (
    "lay out the whole reasoning before the verdict and number each of the steps for",
    "grade the two answers below against the rubric then name the winner of case",
    "translate the following passage into plain words that a child would follow about",
)
WORDS = [
    "amber",
    "bridge",
    "copper",
    "delta",
    "ember",
    "forest",
    "granite",
    "harbour",
    "island",
    "jungle",
    "kettle",
    "lantern",
    "meadow",
    "needle",
    "orchard",
    "pepper",
    "quarry",
    "ribbon",
    "saddle",
    "timber",
    "umbrella",
    "valley",
    "walnut",
    "yonder",
    "zephyr",
    "acorn",
]


def account(name: str, kinds: list[int], seed: int = 0) -> list[dict[str, Any]]:
    """One request per entry: number of a scaffold, or -1 for words of no scaffold."""
    rng = np.random.default_rng(seed)
    rows = []
    for i, kind in enumerate(kinds):
        own = " ".join(rng.choice(WORDS, 5, replace=False))
        head = SCAFFOLDS[kind] if kind >= 0 else " ".join(rng.choice(WORDS, 9, replace=False))
        rows.append(event(i, event_id=f"{name}-{i}", account_id=name, prompt=f"{head} {own}"))
    return rows


def told(streams: Streams) -> list[int]:
    """Events of each stream."""
    return np.diff(streams.event_starts).tolist()


def test_each_scaffold_is_a_stream_and_chatter_is_none() -> None:
    kinds = [0] * 6 + [1] * 5 + [-1] * 12 + [2] * 2
    streams = streams_of(profiled(account("a", kinds)).profiles)
    assert sorted(told(streams)) == [5, 6]
    assert streams.owner.tolist() == [0, 0]


def test_streams_belong_to_their_accounts_in_order() -> None:
    rows = account("a", [-1] * 8) + account("b", [0] * 5, 1) + account("c", [1] * 4 + [2] * 7, 2)
    streams = streams_of(profiled(rows).profiles)
    assert streams.owner.tolist() == [1, 2, 2]
    owner, slot = streams.events(np.array([0, 2]))
    assert owner.size == slot.size == told(streams)[0] + told(streams)[2]
    assert set(owner.tolist()) == {1, 2}


def test_a_repeated_prompt_makes_no_stream_but_goes_with_its_own() -> None:
    same = [event(i, event_id=f"r{i}", prompt=f"{SCAFFOLDS[0]} amber") for i in range(9)]
    assert len(streams_of(profiled(same).profiles)) == 0
    rows = account("a", [0] * 4)
    rows += [{**rows[0], "event_id": f"again-{i}"} for i in range(3)]
    assert told(streams_of(profiled(rows).profiles)) == [7]


def test_a_skeleton_holds_the_scaffold_and_shares_are_of_different_prompts() -> None:
    streams = streams_of(profiled(account("a", [0] * 20)).profiles)
    assert (streams.shares > 0).all()
    assert (streams.shares <= 1).all()
    assert streams.shares.max() == 1
    assert (np.diff(streams.keys.astype(np.int64)) > 0).all()


def test_accounts_of_one_scaffold_share_skeletons_and_of_two_do_not() -> None:
    rows = account("a", [0] * 9) + account("b", [0] * 9, 1) + account("c", [1] * 9, 2)
    streams = streams_of(profiled(rows).profiles)
    skeleton = [
        set(streams.keys[a:b].tolist())
        for a, b in zip(streams.key_starts[:-1], streams.key_starts[1:], strict=True)
    ]
    assert len(skeleton[0] & skeleton[1]) >= 5
    assert not skeleton[0] & skeleton[2]


def test_no_accounts_and_empty_accounts_have_none() -> None:
    for n in (0, 3):
        streams = streams_of(empty(n))
        assert len(streams) == 0
        assert streams.event_starts.tolist() == streams.key_starts.tolist() == [0]


def as_sets(streams: Streams, names: np.ndarray) -> set[tuple[int, frozenset[int]]]:
    return {
        (int(names[streams.owner[i]]), frozenset(streams.events(np.array([i]))[1].tolist()))
        for i in range(len(streams))
    }


@given(st.permutations(range(6)))
def test_the_order_of_accounts_does_not_matter(order: list[int]) -> None:
    profiles: Profiles = profiled(
        [row for n in range(6) for row in account(f"a{n}", [n % 3] * (3 + n) + [-1] * n, n)]
    ).profiles
    assert as_sets(streams_of(profiles[order]), np.array(order)) == as_sets(
        streams_of(profiles), np.arange(6)
    )


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 6)), max_size=8))
def test_spans_are_ranges_in_a_row(ranges: list[tuple[int, int]]) -> None:
    starts = np.array([a for a, _ in ranges], dtype=np.int64)
    sizes = np.array([n for _, n in ranges], dtype=np.int64)
    assert spans(starts, sizes).tolist() == [x for a, n in ranges for x in range(a, a + n)]


@pytest.mark.parametrize("kind", [np.uint32, np.uint64])
def test_occurrences_count_every_key(kind: type[np.unsignedinteger]) -> None:
    keys = np.random.default_rng(1).integers(0, 700, 3_000).astype(kind) << kind(20)
    _, which, count = np.unique(keys, return_inverse=True, return_counts=True)
    assert occurrences(keys).tolist() == count[which].tolist()
    assert occurrences(keys[:0]).size == 0
