"""Clusters: chains are cut, every level proposes, the order of streams does not matter."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.campaigns.cluster import cluster, propose
from stillwatch.campaigns.compare import link
from tests.streams import made


def proposed(skeletons: list[list[int]], least: int = 4) -> set[frozenset[int]]:
    streams = made(skeletons)
    links = link(streams, np.ones(len(streams), dtype=np.bool_))
    return {
        frozenset(group.tolist()) for groups in propose(streams, links, least) for group in groups
    }


def own(n: int, start: int) -> list[list[int]]:
    return [[start + 100 * i + k for k in range(8)] for i in range(n)]


def test_a_scaffold_joins_its_streams_and_nobody_else() -> None:
    shared = [[1, 2, 3, 4, 5, 6, 100 + i] for i in range(6)]
    assert proposed([*shared, *own(60, 10_000)]) == {frozenset(range(6))}


def test_two_scaffolds_that_share_a_phrase_are_told_apart_at_some_level() -> None:
    first = [[1, 2, 11, 12, 13, 14, 15, 16] for _ in range(6)]
    second = [[1, 2, 21, 22, 23, 24, 25, 26] for _ in range(6)]
    groups = proposed([*first, *second, *own(80, 10_000)])
    assert frozenset(range(6)) in groups
    assert frozenset(range(6, 12)) in groups


def test_a_chain_without_common_wording_is_no_group() -> None:
    chain = [[i, i + 1, i + 2, i + 3] for i in range(0, 80, 2)]
    for group in proposed([*chain, *own(80, 10_000)]):
        held = [set(chain[i]) for i in group if i < len(chain)]
        counts = {key: sum(key in keys for keys in held) for keys in held for key in keys}
        assert all(sum(counts[key] >= 0.3 * len(held) for key in keys) >= 2 for keys in held)


def test_groups_count_accounts_not_streams() -> None:
    streams = made([[1, 2, 3, 4, 5] for _ in range(6)] + own(60, 10_000))
    streams.owner[:6] = [0, 0, 0, 1, 1, 1]
    links = link(streams, np.ones(len(streams), dtype=np.bool_))
    assert not any(propose(streams, links, 3))


@given(st.permutations(range(40)))
@settings(max_examples=20)
def test_the_order_of_streams_does_not_change_the_groups(order: list[int]) -> None:
    skeletons = [[1, 2, 3, 4, 5]] * 6 + [[11, 12, 13, 14]] * 5 + own(29, 10_000)
    moved = proposed([skeletons[i] for i in order])
    assert {frozenset(order[i] for i in group) for group in moved} == proposed(skeletons)


def test_leiden_cuts_a_thin_bridge_between_two_groups() -> None:
    pairs = [(a, b) for a in range(12) for b in range(a)]
    pairs += [(a + 12, b + 12) for a, b in pairs]
    left, right = np.array([*pairs, (0, 12)]).T
    labels = cluster(24, left, right, np.full(left.size, 0.8), 3)
    assert np.unique(labels[:12]).size == np.unique(labels[12:]).size == 1
    assert labels[0] != labels[23]


def test_small_clusters_are_left_out() -> None:
    labels = cluster(6, np.array([0, 2, 3]), np.array([1, 3, 4]), np.ones(3), 3)
    assert labels.tolist() == [-1, -1, 0, 0, 0, -1]
