"""The score: more surprising is never less, no kind of evidence exceeds its cap."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stillwatch.detection.scoring import (
    CAP,
    GROUPS,
    STRATUM,
    Ordinary,
    by_group,
    score,
    surprises,
)
from stillwatch.profiles.signals import SIGNALS

S = len(SIGNALS)
SIGN = np.array([1.0 if s.high else -1.0 for s in SIGNALS])
shares = hnp.arrays(np.float64, (1, S), elements=st.floats(0, 1) | st.just(float("nan")))


def scored(below: np.ndarray, resolution: float = 1e-4) -> float:
    return float(score(by_group(surprises(below, resolution)))[0])


def reference(n: int = 200, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, S))


@given(shares, st.integers(0, S - 1), st.floats(0, 1))
def test_a_more_unusual_signal_never_lowers_the_score(
    below: np.ndarray, signal: int, share: float
) -> None:
    less, more = below.copy(), below.copy()
    less[0, signal], more[0, signal] = sorted((share, np.nan_to_num(below[0, signal])))
    assert scored(less) <= scored(more)


@given(shares, st.integers(0, S - 1))
def test_what_is_unknown_contributes_nothing(below: np.ndarray, signal: int) -> None:
    unknown = below.copy()
    unknown[0, signal] = np.nan
    assert scored(unknown) <= scored(below)
    assert scored(np.full((1, S), np.nan)) == 0


@given(shares, st.floats(1e-12, 1))
def test_each_kind_of_evidence_is_capped(below: np.ndarray, resolution: float) -> None:
    groups = by_group(surprises(below, resolution))
    assert groups.shape == (1, len(GROUPS))
    assert (groups >= 0).all()
    assert (groups <= min(CAP, -np.log10(resolution)) + 1e-12).all()
    assert score(groups)[0] == pytest.approx(groups.sum())


def test_one_kind_of_evidence_counts_once() -> None:
    group = max(GROUPS, key=lambda g: sum(s.group == g for s in SIGNALS))
    members = np.array([s.group == group for s in SIGNALS])
    assert members.sum() > 1
    one, all_ = np.full((1, S), np.nan), np.full((1, S), np.nan)
    one[0, members.argmax()] = 0.999
    all_[0, members] = 0.999
    assert scored(one) == pytest.approx(scored(all_))


def test_below_is_the_share_of_the_reference_in_the_suspicious_direction() -> None:
    known = reference()
    ordinary = Ordinary.learn(known, np.full(200, 10.0))
    got = ordinary.below(SIGN * np.linspace(-2, 2, S) * np.ones((1, S)), np.array([10.0]))[0]
    expected = ((known * SIGN) < np.linspace(-2, 2, S)).mean(axis=0)
    assert got == pytest.approx(expected)


def test_ties_count_half() -> None:
    ordinary = Ordinary.learn(np.zeros((100, S)), np.full(100, 10.0))
    assert (ordinary.below(np.zeros((1, S)), np.array([10.0])) == 0.5).all()


def test_too_small_a_reference_judges_nothing() -> None:
    ordinary = Ordinary.learn(reference(29), np.full(29, 10.0))
    assert np.isnan(ordinary.below(reference(3), np.full(3, 10.0))).all()


def test_an_empty_reference_judges_nothing() -> None:
    ordinary = Ordinary.learn(np.empty((0, S)), np.empty(0))
    assert np.isnan(ordinary.below(reference(3), np.full(3, 10.0))).all()
    assert np.isnan(ordinary.typical).all()


def test_accounts_are_compared_with_others_of_like_volume() -> None:
    """A signal that grows with volume among the innocent is no news in a large account."""
    rng = np.random.default_rng(3)
    events = rng.permutation(np.repeat([10.0, 1000.0], 2 * STRATUM))
    known = np.log10(events)[:, None] * SIGN + 0.1 * rng.normal(size=(events.size, S))
    ordinary = Ordinary.learn(known, events)
    large = SIGN * np.full((1, S), 3.0)
    assert ordinary.below(large, np.array([1000.0])) == pytest.approx(0.5, abs=0.15)
    assert (ordinary.below(large, np.array([10.0])) == 1.0).all()
    few, many = ordinary.typical[ordinary.stratum(np.array([10.0, 1000.0]))] * SIGN
    assert few == pytest.approx(1.0, abs=0.05)
    assert many == pytest.approx(3.0, abs=0.05)


def test_a_signal_rare_in_a_stratum_falls_back_to_everybody() -> None:
    rng = np.random.default_rng(4)
    events = np.repeat([10.0, 1000.0], 2 * STRATUM)
    known = rng.normal(size=(events.size, S))
    known[:STRATUM, 0] = np.nan
    known[STRATUM : 2 * STRATUM - 5, 0] = np.nan  # five values left among the small
    ordinary = Ordinary.learn(known, events)
    got = ordinary.below(np.zeros((1, S)), np.array([10.0]))[0, 0]
    assert got == pytest.approx(0.5, abs=0.1)


def test_equal_volumes_are_one_stratum() -> None:
    ordinary = Ordinary.learn(reference(4 * STRATUM), np.full(4 * STRATUM, 7.0))
    below = ordinary.below(reference(50, 2), np.full(50, 7.0))
    assert 0.4 < float(below.mean()) < 0.6
