"""Time to detection by hand, and days merged as if they had been read at once."""

import math

import numpy as np

from stillwatch.evaluation.replay import NEVER, leaks, replay
from tests.profiling import by_account, profiled
from tests.support import event


def test_half_of_the_accounts_decides_for_all_requests() -> None:
    attacks = np.array([[4, 4, 4], [0, 6, 6], [2, 2, 2]])
    (leak,) = leaks(["c"] * 3, attacks, np.array([1, NEVER, 0]))
    assert (leak.accounts, leak.attack_requests, leak.half_day) == (3, 30, 1)  # two of three
    assert leak.before_half == 18 / 30
    assert leak.before_own == (8 + 12 + 2) / 30


def test_a_campaign_that_is_never_seen_leaks_all() -> None:
    attacks = np.array([[1, 2], [3, 4], [9, 9]])
    seen, unseen = leaks(["b", "c", None], attacks, np.array([0, NEVER, 0]))
    assert (seen.campaign, seen.before_half, seen.before_own) == ("b", 1 / 3, 1 / 3)
    assert (unseen.half_day, unseen.before_half, unseen.before_own) == (None, 1.0, 1.0)


def test_a_campaign_without_requests_has_no_share() -> None:
    (leak,) = leaks(["c"], np.zeros((1, 3), dtype=np.int64), np.array([NEVER]))
    assert math.isnan(leak.before_half)
    assert math.isnan(leak.before_own)


def test_days_are_merged_and_the_first_flag_stays() -> None:
    rows = [
        [event(0, account_id="b"), event(1, account_id="a")],
        [event(2, account_id="b")],
        [event(3, account_id="c"), event(4, account_id="b")],
    ]
    seen = []

    def at_least_two(table):  # type: ignore[no-untyped-def]
        seen.append(by_account(table))
        return table.profiles["events"] == 2  # only ever on the second day

    assert replay((profiled(day) for day in rows), at_least_two) == {"b": 1}
    assert seen[-1] == by_account(profiled([row for day in rows for row in day]))


def test_no_days_no_flags() -> None:
    assert replay([], lambda table: table.profiles["events"] > 0) == {}
