"""The test of a group: natural groups pass it, one job does not."""

import numpy as np
import pytest
from scipy import stats

from stillwatch.campaigns.cohesion import NAMES
from stillwatch.detection.pooled import FEWEST, WEIGHTS, WORK, Yardstick

SETTINGS = NAMES.index("settings_unity")


def natural(n: int, seed: int) -> np.ndarray:
    """Figures of natural groups: facets hang together a little."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(n, 1))
    figures = 0.8 * rng.normal(size=(n, len(NAMES))) + 0.6 * common
    figures[:, 0] = rng.uniform(1.4, 4.5, n)
    return figures


def jobs(n: int, seed: int, strength: float = 3.0) -> np.ndarray:
    figures = natural(n, seed)
    for name, weight in WEIGHTS.items():
        figures[:, NAMES.index(name)] += strength * np.sign(weight)
    return figures


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
    assert yardstick.test(busy).p_values.min() > 1e-3
    columns = [NAMES.index(name) for name in WORK]
    assert yardstick.spreads(busy)[:, columns].max() == pytest.approx(0.7)


def test_a_short_upper_tail_is_believed_and_a_long_one_is_not() -> None:
    """Campaigns lengthen the upper tail only, so the shorter side is the one to measure by."""

    def spread(stretch: float) -> float:
        figures = natural(600, 4)
        figures[:, 1:] = np.random.default_rng(4).normal(size=figures[:, 1:].shape)
        common = np.random.default_rng(5).normal(size=600)
        signs = np.sign([WEIGHTS.get(name, 0.0) for name in NAMES])
        figures += np.outer(np.where(common > 0, stretch * common, common), signs)
        return Yardstick.learn(figures).spread

    assert spread(0.3) < 0.9 * spread(1.0)
    assert spread(3.0) < 1.1 * spread(1.0)


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
