"""Scaffolds: chains are cut, every level proposes, the order of accounts does not matter."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.campaigns.cluster import clusters, divided, groups_of, numbered, scaffolds, units
from stillwatch.campaigns.definitions import LEVELS
from stillwatch.campaigns.phrases import phrases_of
from stillwatch.campaigns.streams import Ints
from tests.streams import made


def found(skeletons: list[list[int]]) -> set[frozenset[int]]:
    """Phrases of each scaffold, at any level."""
    streams = made(skeletons)
    phrases = phrases_of(streams, np.ones(len(streams), dtype=np.bool_))
    labels = scaffolds(phrases)
    assert labels.shape == (len(LEVELS), phrases.keys.size)
    return {
        frozenset(phrases.keys[level == number].tolist())
        for level in labels
        for number in np.unique(level[level >= 0])
    }


def own(n: int, start: int) -> list[list[int]]:
    return [[start + 100 * i + k for k in range(8)] for i in range(n)]


def test_a_scaffold_is_what_its_accounts_share_without_what_is_their_own() -> None:
    shared = [[1, 2, 3, 4, 5, 6, 100 + i] for i in range(6)]
    assert found([*shared, *own(60, 10_000)]) == {frozenset(range(1, 7))}


def test_two_scaffolds_that_share_a_phrase_are_told_apart_at_some_level() -> None:
    first = [[1, 2, 11, 12, 13, 14, 15, 16] for _ in range(6)]
    second = [[1, 2, 21, 22, 23, 24, 25, 26] for _ in range(6)]
    told = found([*first, *second])
    assert any(11 in one and 21 not in one for one in told)
    assert any(21 in one and 11 not in one for one in told)


def test_a_scaffold_has_one_number_however_many_levels_find_it() -> None:
    phrases = phrases_of(made([[1, 2, 3]] * 5), np.ones(5, dtype=np.bool_))
    labels = scaffolds(phrases)
    assert labels[0].tolist() == [0, 0, 0]
    assert (labels[1:] == -1).all()


@given(st.permutations(range(40)))
@settings(max_examples=20)
def test_the_order_of_accounts_does_not_change_the_scaffolds(order: list[int]) -> None:
    skeletons = [[1, 2, 3, 4, 5]] * 6 + [[11, 12, 13, 14]] * 5 + own(29, 10_000)
    assert found([skeletons[i] for i in order]) == found(skeletons)


def grouped(skeletons: list[list[int]], scaffold: list[int], least: int = 3) -> list[list[int]]:
    numbers: Ints = np.array(scaffold, dtype=np.int64)
    return [group.tolist() for group in groups_of(made(skeletons), numbers, least)]


def test_groups_hold_three_common_phrases() -> None:
    told = grouped([[1, 2, 3], [1, 2, 3], [1, 2], [1, 2, 3, 4], [8, 9, 10]], [0, 0, 0, 0, 1])
    assert told == [[0, 1, 3]]


def test_no_streams_no_groups() -> None:
    assert grouped([], []) == []


def two_cliques(shift: int = 0) -> tuple[Ints, Ints]:
    """Twice twelve phrases that all keep company, and one link between."""
    pairs = [(a, b) for a in range(12) for b in range(a)]
    pairs += [(a + 12, b + 12) for a, b in pairs]
    left, right = np.sort(np.array([*pairs, (0, 12)]), axis=1)[:, :].T + shift
    order = np.lexsort((right, left))
    return left[order], right[order]


def test_leiden_cuts_a_thin_bridge_between_two_groups() -> None:
    left, right = two_cliques()
    assert clusters(24, left, right, np.full(left.size, 0.8)).tolist() == [0] * 12 + [12] * 12


def test_a_component_alone_is_divided_as_beside_others() -> None:
    parts = [two_cliques(100 * number) for number in range(4)]
    left, right = (np.concatenate(side) for side in zip(*parts, strict=True))
    weight = np.linspace(0.5, 1.0, left.size)
    whole = clusters(400, left, right, weight)
    for number, (one, other) in enumerate(parts):
        own = slice(number * one.size, (number + 1) * one.size)
        member, cluster = divided(one, other, weight[own], units(weight))
        assert whole[member].tolist() == cluster.tolist()


def test_small_components_stay_whole_and_phrases_without_company_alone() -> None:
    labels = clusters(6, np.array([0, 2, 3]), np.array([1, 3, 4]), np.ones(3))
    assert labels.tolist() == [0, 0, 2, 2, 2, 5]
    assert numbered(np.arange(6, dtype=np.uint32), labels[None]).tolist() == [[0, 0, 1, 1, 1, -1]]
