"""p-values mean what they say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from stillwatch.detection.calibration import benjamini_hochberg, conformal, fitted_tail


def test_conformal_p_values_are_valid_for_exchangeable_scores() -> None:
    rng = np.random.default_rng(1)
    rates = []
    for _ in range(300):
        scores = rng.gamma(2, size=300)
        p = conformal(scores[:100], scores[100:])
        rates.append((p <= 0.05).mean())
    assert np.mean(rates) <= 0.05 + 3 * np.std(rates) / np.sqrt(300)


def test_conformal_never_goes_below_its_floor() -> None:
    assert conformal(np.array([99.0]), np.arange(50.0))[0] == pytest.approx(1 / 51)


@pytest.mark.parametrize("share", [0.0, 0.05, 0.1])
def test_fitted_tail_resists_a_share_of_guilty(share: float) -> None:
    rng = np.random.default_rng(2)
    n = 4000
    guilty = int(share * n)
    scores = np.concatenate([rng.gamma(3, 1, n - guilty), rng.gamma(3, 1, guilty) + 9])
    p = fitted_tail(scores, scores)
    innocent = p[: n - guilty]
    assert (innocent <= 0.01).mean() <= 0.02
    if guilty:
        assert np.median(p[n - guilty :]) < 0.01


def test_fitted_tail_without_variation_accuses_nobody() -> None:
    assert fitted_tail(np.ones(50), np.ones(50)).tolist() == [1.0] * 50


@given(
    hnp.arrays(np.float64, st.integers(0, 40), elements=st.floats(1e-9, 1)),
    st.sampled_from([0.01, 0.05, 0.2]),
)
def test_benjamini_hochberg_agrees_with_scipy(p_values: np.ndarray, rate: float) -> None:
    expected = (
        stats.false_discovery_control(p_values) <= rate * (1 + 1e-12)
        if p_values.size
        else np.zeros(0, dtype=bool)
    )
    adjusted = stats.false_discovery_control(p_values) if p_values.size else p_values
    clear = np.abs(adjusted - rate) > 1e-9  # equality is decided by rounding
    assert (benjamini_hochberg(p_values, rate) == expected)[clear].all()
