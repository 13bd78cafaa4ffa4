import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.provenance.null import Null, holm


def test_the_smallest_strict_value_is_one_over_clusters_and_one():
    null = Null.of(range(10), [f"c{i // 2}" for i in range(10)])
    assert null.clusters == 5
    assert null.strict(100) == null.floor == pytest.approx(1 / 6)
    assert null.strict(-1) == 1
    assert null.p(-1) == 1


def test_clusters_weigh_equally():
    null = Null.of([1, 1, 1, 1, 0], ["big"] * 4 + ["small"])
    assert null.share(1) == pytest.approx(0.5)


def test_pairs_that_repeat_their_cluster_count_once():
    alike = Null.of([0, 0, 1, 1, 2, 2, 3, 3], list("aabbccdd"))
    assert alike.effective == pytest.approx(4)
    rng = np.random.default_rng(0)
    loose = Null.of(rng.normal(size=2000), [str(i % 20) for i in range(2000)])
    assert loose.effective > 1000


def test_strict_values_are_valid_over_clusters():
    rng = np.random.default_rng(1)
    below = 0
    for _ in range(2000):
        level = rng.normal(size=21)
        scores = level[:, None] + 0.5 * rng.normal(size=(21, 4))
        null = Null.of(scores[1:].ravel(), [str(i) for i in range(20) for _ in range(4)])
        below += null.strict(scores[0, 0]) <= 0.1
    assert below / 2000 <= 0.1 + 3 * (0.1 * 0.9 / 2000) ** 0.5


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_raises_and_keeps_order(values):
    adjusted = holm(values)
    assert all(a >= p for a, p in zip(adjusted, values, strict=True))
    order = np.argsort(values, kind="stable")
    assert all(np.diff(np.array(adjusted)[order]) >= 0)
    assert min(adjusted) == pytest.approx(min(1, len(values) * min(values)))
