"""The kernels behind the facets of cohesion, on arrays made for the purpose."""

import numpy as np

from stillwatch.campaigns.cohesion import between_accounts
from stillwatch.campaigns.facets import turns, unities


def test_accounts_that_a_scheduler_serves_take_turns_and_people_work_in_bursts() -> None:
    account = np.repeat(np.arange(10), 20)
    in_turns = np.tile(np.arange(20), 10) * 10 + account
    in_bursts = np.arange(200)
    ties = mixed = np.random.default_rng(1).permutation(200)
    timings = (in_turns, in_bursts, mixed, np.zeros(200, np.int64))
    figures = turns(
        np.concatenate(timings), np.tile(ties, 4), np.tile(account, 4), 200 * np.arange(5)
    )
    assert figures[0] > 1.5
    assert figures[1] < -1.5
    assert abs(figures[2]) < 0.5
    assert figures[3] == figures[2]  # a log without times says nothing


def test_volume_does_not_move_unity() -> None:
    """Accounts that differ a little: the share of variance is the same in 8 events as in 60."""

    def share(events: int, seed: int) -> float:
        rng = np.random.default_rng(seed)
        account = np.repeat(np.arange(30), events)
        likes = rng.integers(0, 2**62, 30).astype(np.uint64)
        noise = rng.integers(0, 2**62, account.size).astype(np.uint64)
        own = rng.random(account.size) < 0.3
        codes = np.where(own, likes[account], noise)
        return between_accounts(unities(codes, account, np.array([0, codes.size]), 62, False)[0])

    few, many = ([share(n, s) for s in range(30)] for n in (8, 60))
    error = np.hypot(np.std(few), np.std(many)) / np.sqrt(30)
    assert 0.05 < np.mean(many) < 0.15
    assert abs(np.mean(few) - np.mean(many)) < 4 * error + 0.002
