"""Components by falling labels are those of scipy, in few rounds, or there are none."""

import itertools
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from stillwatch.campaigns.components import components
from stillwatch.campaigns.relations import DuckRelations
from stillwatch.errors import NotConverged

Links = list[tuple[int, int]]


def labelled(links: Links, most: int = 48) -> tuple[dict[int, int], int]:
    """The label of each node, and the rounds."""
    both = np.array([*links, *[(b, a) for a, b in links]], np.int64).reshape(-1, 2)
    with DuckRelations(threads=1) as relations:
        relations.put("arc", pa.table({"one": both[:, 0], "other": both[:, 1]}))
        rounds = components(relations, most)
        found = relations.rows("select node, label from label")
    return dict(zip(found["node"].to_pylist(), found["label"].to_pylist(), strict=True)), rounds


def by_scipy(links: Links) -> dict[int, int]:
    nodes, place = np.unique(np.array(links, np.int64).reshape(-1, 2), return_inverse=True)
    one, other = place.reshape(-1, 2).T
    graph = coo_array((np.ones(one.size), (one, other)), shape=(nodes.size, nodes.size))
    _, number = connected_components(graph, directed=False)
    return {
        int(node): int(nodes[number == own].min()) for node, own in zip(nodes, number, strict=True)
    }


edges = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=60)


@given(edges)
@settings(max_examples=20)
def test_labels_are_the_smallest_of_each_component(links: Links) -> None:
    links = [(a, b) for a, b in links if a != b]
    assert labelled(links)[0] == by_scipy(links)


@given(st.permutations(range(64)))
@settings(max_examples=8)
def test_rounds_grow_with_the_logarithm_of_a_path_however_it_is_numbered(path: list[int]) -> None:
    links = list(itertools.pairwise(path))
    labels, rounds = labelled(links)
    assert set(labels.values()) == {0}
    assert rounds <= 2 * math.log2(64)


def test_a_long_path_a_star_and_a_pair_of_large_numbers() -> None:
    high = 2 << 32
    links = [(n, n + 1) for n in range(3000)]
    links += [(5000 + n, 9999) for n in range(50)]
    links += [(high + 7, high + 3)]
    labels, rounds = labelled(links)
    assert labels == by_scipy(links)
    assert rounds <= 16


def test_what_does_not_settle_has_no_components() -> None:
    with pytest.raises(NotConverged, match="did not settle in 2 rounds"):
        labelled([(n, n + 1) for n in range(1000)], most=2)


def test_no_links_no_labels() -> None:
    assert labelled([]) == ({}, 1)
