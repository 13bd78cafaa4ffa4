"""Phrases: alike are those that the same accounts hold, whatever else these accounts say."""

import numpy as np

from stillwatch.campaigns.phrases import Phrases, phrases_of
from tests.streams import made


def found(skeletons: list[list[int]]) -> Phrases:
    streams = made(skeletons)
    return phrases_of(streams, np.ones(len(streams), dtype=np.bool_))


def likeness(phrases: Phrases, a: int, b: int) -> float:
    left, right = np.searchsorted(phrases.keys, sorted((a, b)))
    return float(phrases.likeness[(phrases.left == left) & (phrases.right == right)].sum())


def test_phrases_of_the_same_accounts_are_alike_whatever_else_these_say() -> None:
    phrases = found([[1, 2, 100 + i] for i in range(5)])
    assert phrases.keys.tolist() == [1, 2]
    assert likeness(phrases, 1, 2) == 1.0


def test_likeness_is_the_share_of_the_holders_of_either_that_hold_both() -> None:
    phrases = found([[1, 2]] * 4 + [[1]] * 2)
    assert likeness(phrases, 1, 2) == 4 / 6


def test_everyday_phrases_and_phrases_of_three_accounts_are_left_out() -> None:
    phrases = found([[1, 2, 3, 4]] * 3 + [[3, 4]] * 2 + [[1]] * 600)
    assert phrases.keys.tolist() == [3, 4]


def test_an_account_counts_once_for_all_its_streams() -> None:
    streams = made([[1, 2]] * 6)
    streams.owner[:] = [0, 0, 0, 1, 1, 2]
    assert not phrases_of(streams, np.ones(3, dtype=np.bool_)).keys.size


def test_languages_of_one_job_meet_in_the_accounts() -> None:
    streams = made([[1, 2], [11, 12]] * 5)  # each account has a stream of each language
    streams.owner[:] = np.repeat(np.arange(5), 2)
    phrases = phrases_of(streams, np.ones(5, dtype=np.bool_))
    assert likeness(phrases, 1, 12) == 1.0


def test_unusable_accounts_hold_nothing() -> None:
    streams = made([[1, 2]] * 6)
    usable = np.array([True] * 3 + [False] * 3)
    assert not phrases_of(streams, usable).keys.size


def test_many_phrases_are_compared_in_blocks_with_one_result() -> None:
    phrases = found([list(range(2500))] * 4)
    assert phrases.left.size == 2500 * 2499 // 2
    assert (np.diff(phrases.left * 2500 + phrases.right) > 0).all()


def test_nothing_to_compare() -> None:
    phrases = found([])
    assert phrases.keys.size == phrases.left.size == phrases.likeness.size == 0
