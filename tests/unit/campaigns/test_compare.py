"""Comparison: what streams share counts by its rarity, and work is linear in what they hold."""

import numpy as np
import pytest

from stillwatch.campaigns.compare import Links, link
from stillwatch.campaigns.streams import Streams
from tests.streams import made


def linked(streams: Streams) -> Links:
    return link(streams, np.ones(int(streams.owner.max(initial=-1)) + 1, dtype=np.bool_))


def pair(links: Links, a: int, b: int) -> tuple[float, float]:
    at = np.flatnonzero((links.left == a) & (links.right == b))
    assert at.size <= 1
    return (float(links.overlap[at[0]]), float(links.likeness[at[0]])) if at.size else (0.0, 0.0)


def strangers(n: int) -> list[list[int]]:
    return [[1000 * (i + 1) + k for k in range(8)] for i in range(n)]


def test_equal_skeletons_are_alike_and_strangers_are_not_linked() -> None:
    links = linked(made([[1, 2, 3, 4, 5], [1, 2, 3, 4, 5], *strangers(50)]))
    assert pair(links, 0, 1) == (pytest.approx(1), pytest.approx(1))
    assert links.left.size == 1


def test_a_part_is_contained_but_not_the_same() -> None:
    links = linked(made([[1, 2, 3], [1, 2, 3, 4, 5, 6], *strangers(50)]))
    overlap, likeness = pair(links, 0, 1)
    assert overlap == pytest.approx(1)
    assert 0.3 < likeness < 0.7


def test_what_everybody_holds_counts_nothing() -> None:
    common = [1, 2, 3, 4, 5]
    links = linked(made([common + own for own in strangers(60)]))
    assert links.left.size == 0


def test_streams_of_one_account_are_not_linked() -> None:
    streams = made([[1, 2, 3, 4], [1, 2, 3, 4], *strangers(50)])
    streams.owner[1] = streams.owner[0]
    assert linked(streams).left.size == 0


def test_unusable_accounts_are_left_out() -> None:
    streams = made([[1, 2, 3, 4], [1, 2, 3, 4], *strangers(50)])
    usable = np.ones(len(streams), dtype=np.bool_)
    usable[0] = False
    assert link(streams, usable).left.size == 0


def test_pairs_are_ordered_unique_and_linear_in_the_holders_of_a_shingle() -> None:
    n = 3000
    links = linked(made([[1, 2, 3, 10 + i // 3, 20_000 + i] for i in range(n)]))
    assert (links.left < links.right).all()
    assert np.unique(links.left * n + links.right).size == links.left.size
    assert links.left.size <= 10 * 4 * n


def test_nothing_to_compare() -> None:
    assert linked(made([])).left.size == 0
    assert linked(made([[1, 2, 3]])).left.size == 0
