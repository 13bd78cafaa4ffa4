"""Figures of merit against hand-computed values, slow definitions and laws."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.domain.share import wilson
from stillwatch.evaluation.metrics import bcubed, ks_uniform, operating_point, roc_auc


def _arrays(pairs: list[tuple[int, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([float(s) for s, _ in pairs]), np.array([p for _, p in pairs], dtype=bool)


# Few distinct scores, so that ties are the rule.
CASES = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=40)


def test_auc_by_hand() -> None:
    # pairs: 3>2, 3>1, 1<2, 1=1 → (1 + 1 + 0 + 0.5) / 4
    assert roc_auc(*_arrays([(3, True), (1, True), (2, False), (1, False)])) == 0.625
    assert math.isnan(roc_auc(*_arrays([(3, True)])))


@given(CASES)
def test_auc_is_the_share_of_pairs_in_order(pairs: list[tuple[int, bool]]) -> None:
    bad, good = ([s for s, p in pairs if p is side] for side in (True, False))
    if bad and good:
        won = sum((b > g) + 0.5 * (b == g) for b, g in itertools.product(bad, good))
        assert roc_auc(*_arrays(pairs)) == pytest.approx(won / (len(bad) * len(good)))


@given(CASES)
def test_auc_of_the_opposite_score_is_the_complement(pairs: list[tuple[int, bool]]) -> None:
    scores, positive = _arrays(pairs)
    if positive.any() and not positive.all():
        assert roc_auc(-scores, positive) == pytest.approx(1 - roc_auc(scores, positive))


def test_operating_point_by_hand() -> None:
    scores, positive = _arrays(
        [(9, True), (8, False), (7, True), (6, False), (5, True), (4, False)]
    )
    zero = operating_point(scores, positive, 0.0)
    assert (zero.recall.hits, zero.threshold, zero.false_positives.hits) == (1, 9.0, 0)
    third = operating_point(scores, positive, 1 / 3)
    assert (third.recall.hits, third.threshold, third.false_positives.hits) == (2, 7.0, 1)
    everything = operating_point(scores, positive, 1.0)
    assert (everything.recall.hits, everything.threshold) == (3, 4.0)


def test_ties_with_an_innocent_account_are_not_flagged_at_zero() -> None:
    scores, positive = _arrays([(5, True), (5, False), (4, True)])
    point = operating_point(scores, positive, 0.0)
    assert point.recall.hits == 0
    assert math.isinf(point.threshold)


@given(CASES, st.floats(0, 1))
def test_operating_point_is_the_best_threshold_that_keeps_the_limit(
    pairs: list[tuple[int, bool]], limit: float
) -> None:
    scores, positive = _arrays(pairs)
    negatives = int((~positive).sum())
    best = 0
    for threshold in {*scores.tolist(), math.inf}:
        flagged = scores >= threshold
        if int((flagged & ~positive).sum()) <= limit * negatives + 1e-9:
            best = max(best, int((flagged & positive).sum()))
    point = operating_point(scores, positive, limit)
    assert point.recall.hits == best
    assert point.false_positives.hits <= limit * negatives + 1e-9


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [(0, 10, 0.0, 0.27754), (10, 10, 0.72246, 1.0), (5, 10, 0.23659, 0.76341), (1, 100, 0.00177, 0.05449)],
)  # fmt: skip
def test_wilson_known_values(hits: int, total: int, low: float, high: float) -> None:
    share = wilson(hits, total)
    assert (share.low, share.high) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(0, 500), st.integers(1, 500))
def test_wilson_holds_its_share_and_mirrors(hits: int, total: int) -> None:
    hits = min(hits, total)
    share, mirror = wilson(hits, total), wilson(total - hits, total)
    assert 0 <= share.low <= share.value <= share.high <= 1
    assert share.low == pytest.approx(1 - mirror.high)


def test_wilson_of_nothing_is_undefined() -> None:
    assert math.isnan(wilson(0, 0).value)


def test_ks_by_hand_and_against_a_skewed_sample() -> None:
    distance, _ = ks_uniform(np.array([0.1, 0.4, 0.7]))
    assert distance == pytest.approx(0.3)  # after 0.7 the steps reach 1
    rng = np.random.default_rng(1)
    assert ks_uniform(rng.random(2000))[1] > 0.01
    assert ks_uniform(rng.random(2000) ** 1.5)[1] < 1e-6
    assert math.isnan(ks_uniform(np.empty(0))[0])


def test_ks_p_values_are_uniform_under_the_null() -> None:
    rng = np.random.default_rng(2)
    p_values = np.array([ks_uniform(rng.random(50))[1] for _ in range(2000)])
    assert np.mean(p_values < 0.05) == pytest.approx(0.05, abs=0.015)
    assert np.mean(p_values < 0.5) == pytest.approx(0.5, abs=0.04)


def test_bcubed_by_hand() -> None:
    truth = ["A", "A", "A", "B", "B", None, None]
    reported = ["x", "x", None, "x", "y", "y", None]
    # x = {A A B}: 2/3 2/3 1/3; y = {B, innocent}: 1/2 1/2 → 8/15
    # A: 2/3 2/3 1/3; B: 1/2 1/2 → 8/15
    figures = bcubed(truth, reported)
    assert figures.precision == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1 / 2 + 1 / 2) / 5)
    assert figures.recall == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1 / 2 + 1 / 2) / 5)


def test_bcubed_extremes() -> None:
    truth = ["A"] * 4 + [None] * 4
    assert bcubed(truth, ["x"] * 4 + [None] * 4).f == 1.0
    nothing = bcubed(truth, [None] * 8)
    assert math.isnan(nothing.precision)
    assert nothing.recall == 0.25
    lump = bcubed(truth, ["x"] * 8)
    assert (lump.precision, lump.recall) == (pytest.approx((4 * 0.5 + 4 / 8) / 8), 1.0)


_GROUPS = st.lists(
    st.tuples(st.sampled_from(["A", "B", "C", None]), st.sampled_from(["x", "y", "z", None])),
    min_size=1,
    max_size=25,
)


@given(_GROUPS)
def test_bcubed_equals_its_definition(pairs: list[tuple[str | None, str | None]]) -> None:
    truth = [t if t is not None else f"alone {i}" for i, (t, _) in enumerate(pairs)]
    found = [r if r is not None else f"alone {i}" for i, (_, r) in enumerate(pairs)]
    items = range(len(pairs))

    def share(of: list[str], other: list[str], i: int) -> float:
        group = [j for j in items if of[j] == of[i]]
        return sum(other[j] == other[i] for j in group) / len(group)

    precision = [share(found, truth, i) for i in items if pairs[i][1] is not None]
    recall = [share(truth, found, i) for i in items if pairs[i][0] is not None]
    figures = bcubed([t for t, _ in pairs], [r for _, r in pairs])
    for value, expected in ((figures.precision, precision), (figures.recall, recall)):
        assert math.isnan(value) if not expected else value == pytest.approx(np.mean(expected))
