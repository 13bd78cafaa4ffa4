"""Estimators against exact values, and that volume does not move them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stillwatch.profiles import estimators as est
from stillwatch.profiles.fields import BINS, FEATURES, FOURIER_UNIT, SKETCH
from stillwatch.profiles.merge import empty


def test_ratio_is_nan_below_the_least_whole() -> None:
    got = est.ratio(np.array([1, 1, 1]), np.array([0, 4, 8]), 8)
    assert np.isnan(got[:2]).all()
    assert got[2] == pytest.approx(0.125)


@given(hnp.arrays(np.uint32, (1, 6), elements=st.integers(0, 12)))
def test_coincidence_equals_counting_pairs(counts: np.ndarray) -> None:
    events = np.repeat(np.arange(6), counts[0])
    pairs = [(a, b) for i, a in enumerate(events) for b in events[:i]]
    got = est.coincidence(counts)[0]
    if not pairs:
        assert np.isnan(got)
    else:
        assert got == pytest.approx(np.mean([a == b for a, b in pairs]))


def test_coincidence_does_not_depend_on_volume() -> None:
    rng = np.random.default_rng(1)
    shares = rng.dirichlet(np.ones(24))
    truth = float((shares**2).sum())
    for n in (5, 50, 5000):
        drawn = rng.multinomial(n, shares, size=4000).astype(np.uint32)
        estimates = est.coincidence(drawn)
        error = estimates.std() / np.sqrt(estimates.size)
        assert abs(estimates.mean() - truth) < 5 * error


@pytest.mark.parametrize("true", [1, 5, 20, 60, 500, 5000])
def test_distinct_counts_within_its_standard_error(true: int) -> None:
    rng = np.random.default_rng(true)
    m = 128
    registers = np.zeros((200, m), dtype=np.uint8)
    for row in registers:
        keys = rng.integers(0, 2**63, true)
        ranks = np.minimum(48, 1 + np.argmax((keys[:, None] >> np.arange(7, 55)) & 1, axis=1))
        np.maximum.at(row, (keys & (m - 1)), ranks.astype(np.uint8))
    mean = est.distinct(registers).mean()
    assert mean == pytest.approx(true, rel=4 * 1.04 / np.sqrt(m) / np.sqrt(200) + 0.03)


def test_size_histograms_give_the_mean() -> None:
    histogram = np.zeros((2, BINS), dtype=np.uint32)
    histogram[0, [4, 8]] = 5
    assert est.mean_log2(histogram)[0] == pytest.approx(3.25)
    assert np.isnan(est.mean_log2(histogram)[1])


def test_burstiness_is_one_for_a_poisson_stream_and_large_for_sittings() -> None:
    rng = np.random.default_rng(2)
    flat = rng.multinomial(400, np.full(504, 1 / 504), size=500).astype(np.uint32)
    assert est.burstiness(flat, np.full(500, 504.0)).mean() == pytest.approx(1, abs=0.02)
    sitting = np.zeros((1, 504), dtype=np.uint32)
    sitting[0, :4] = 10
    assert est.burstiness(sitting, np.array([504.0]))[0] > 50


def test_squared_distance_is_unbiased_around_the_reference() -> None:
    rng = np.random.default_rng(3)
    phases = rng.normal(size=(400, 30, FEATURES // 2))
    features = np.concatenate([np.cos(phases), np.sin(phases)], axis=2)
    sums = np.rint(features * FOURIER_UNIT).astype(np.int64).sum(axis=1)
    n = np.full(400, 30.0)
    centre = features.mean(axis=(0, 1))
    distances = est.squared_distance(sums, n, centre)
    assert distances.mean() == pytest.approx(0, abs=4 * distances.std() / 20)
    shifted = np.rint(np.roll(features, 7, axis=2) * FOURIER_UNIT).astype(np.int64).sum(axis=1)
    assert est.squared_distance(shifted, n, centre).mean() > 5 * distances.std() / 20


def test_similarity_sees_a_scaffold_and_ignores_repeats_of_one_prompt() -> None:
    profiles = empty(2)
    profiles["sample_key"][:, :4] = np.arange(4)
    slots = np.arange(4 * SKETCH).reshape(4, SKETCH).astype(np.uint32)
    slots[:, :8] = np.arange(1000, 1008)
    profiles["sample_shingles"][:, :4] = np.sort(slots, axis=1)
    profiles["sample_prompt"][0, :4] = np.arange(4)
    profiles["sample_prompt"][1, :4] = 7
    found = est.wording(profiles)
    assert found.similarity[0] == pytest.approx(0.5)
    assert np.isnan(found.similarity[1])
    assert set(found.keys[0][found.counts[0] > 0].tolist()) == set(range(1000, 1008))
    assert found.counts[0].max() == 4
    assert not found.counts[1].any()
