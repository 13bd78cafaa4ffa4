"""The test of a group: natural groups pass it, one job does not."""

import numpy as np
import pytest
from scipy import stats

from stillwatch.campaigns.cohesion import NAMES
from stillwatch.detection.pooled import FEWEST, WEIGHTS, WORK, Yardstick
from tests.cohesion import SIGNS, jobs, natural

SETTINGS = NAMES.index("settings_unity")


def test_signs_say_what_a_job_is_and_every_weighted_facet_is_measured() -> None:
    assert set(WEIGHTS) <= set(NAMES)
    assert {name for name, weight in WEIGHTS.items() if weight < 0} == {"repeats", "overlap"}


def test_a_job_stands_out_from_natural_groups() -> None:
    test = Yardstick.learn(natural(300, 1)).test(np.concatenate([jobs(5, 2), natural(50, 3)]))
    assert test.p_values[:5].max() < 0.001
    assert test.index[:5].min() > test.index[5:].max()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.2])
def test_natural_groups_are_not_called_jobs_too_often(share: float) -> None:
    """Also when the yardstick itself holds jobs, as that of a log which calibrates itself does."""
    p_values = []
    for seed in range(20):
        hidden = jobs(int(300 * share), 1000 + seed)
        known = np.concatenate([natural(300 - len(hidden), seed), hidden])
        p_values.append(Yardstick.learn(known).test(natural(200, 500 + seed)).p_values)
    p = np.concatenate(p_values)
    for level in (0.05, 0.01, 0.001):
        rejected = int((p <= level).sum())
        chance = stats.binomtest(rejected, p.size, 1.3 * level, alternative="greater").pvalue
        assert chance > 1e-3, (level, rejected, p.size)


def test_much_of_the_same_work_does_not_carry_a_verdict() -> None:
    known = natural(300, 1)
    busy = natural(50, 2)
    for name in WORK:
        busy[:, NAMES.index(name)] += 10
    yardstick = Yardstick.learn(known)
    plain = natural(50, 2)
    most = 0.7 * sum(abs(WEIGHTS[name]) for name in WORK) / yardstick.spread
    assert (yardstick.index(busy) - yardstick.index(plain)).max() <= 2 * most
    assert np.median(yardstick.test(busy).p_values) > 0.05
    columns = [NAMES.index(name) for name in WORK]
    assert yardstick.spreads(busy)[:, columns].max() <= 0.7


def test_a_scaffold_that_others_use_is_nobodys_job() -> None:
    job = jobs(2, 2, strength=9.0)
    job[:, NAMES.index("exclusivity")] = np.log([0.45, 0.55])
    known = natural(300, 1)
    known[:, NAMES.index("exclusivity")] -= 1
    test = Yardstick.learn(known).test(job)
    assert test.index[0] <= 0 < test.index[1]


def test_facets_of_few_accounts_are_drawn_to_what_is_typical() -> None:
    yardstick = Yardstick.learn(natural(300, 1))
    figures = np.repeat(jobs(1, 2), 2, axis=0)
    figures[:, NAMES.index("accounts")] = np.log([3, 27])
    few, many = yardstick.spreads(figures)
    assert few[1:] == pytest.approx(many[1:] * 0.5 / 0.9)
    strength = yardstick.strength(figures)
    assert strength[0] == pytest.approx(strength[1], rel=0.01)


def apart(n: int, seed: int, common: float = 0.0) -> np.ndarray:
    """Figures whose facets vary apart, but for something in ``common``."""
    rng = np.random.default_rng(seed)
    figures = rng.normal(size=(n, len(NAMES))) + common * np.outer(rng.normal(size=n), SIGNS)
    figures[:, 0] = np.log(30)
    return figures


def test_the_spread_is_that_of_facets_apart_unless_they_hang_together() -> None:
    alone, tied = Yardstick.learn(apart(600, 4)), Yardstick.learn(apart(600, 4, common=0.7))
    sums = alone.index(apart(2000, 5)) * alone.spread
    assert 0.75 * sums.std() < alone.spread < 0.98 * sums.std()
    sums = tied.index(apart(2000, 5, common=0.7)) * tied.spread
    assert tied.spread > 0.9 * sums.std()


def test_without_that_trade_small_p_values_come_true_three_times_too_often() -> None:
    p = np.concatenate(
        [Yardstick.learn(apart(300, s)).test(apart(200, 500 + s)).p_values for s in range(20)]
    )
    assert (p <= 0.05).mean() < 0.1
    assert (p <= 0.01).mean() < 0.035


@pytest.mark.parametrize("share", [0.0, 0.2, 0.35])
def test_jobs_in_the_yardstick_do_not_stretch_it(share: float) -> None:
    hidden = jobs(int(600 * share), 7)
    known = np.concatenate([apart(600 - len(hidden), 4), hidden])
    assert Yardstick.learn(known).spread == pytest.approx(
        Yardstick.learn(apart(600, 4)).spread, rel=0.15
    )


def test_an_unobserved_facet_neither_helps_nor_hurts() -> None:
    known, group = natural(200, 5), jobs(1, 6)
    group[0, SETTINGS] = np.nan
    test = Yardstick.learn(known).test(group)
    assert test.spreads[0, SETTINGS] == 0
    assert np.isfinite(test.index).all()
    known[:, SETTINGS] = np.nan
    assert np.isfinite(Yardstick.learn(known).test(jobs(3, 7)).p_values).all()


@pytest.mark.parametrize("n", [0, 1, FEWEST - 1])
def test_without_a_yardstick_nothing_is_said(n: int) -> None:
    test = Yardstick.learn(natural(n, 8)).test(jobs(4, 9))
    assert test.p_values.tolist() == [1.0] * 4
    assert test.index.tolist() == [0.0] * 4


def test_no_groups_no_results() -> None:
    test = Yardstick.learn(natural(100, 1)).test(natural(0, 2))
    assert test.p_values.size == test.index.size == 0
    assert test.figures.shape == (0, len(NAMES))
