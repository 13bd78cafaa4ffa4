import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.errors import EmptyInput, StoredDataError
from stillwatch.provenance.affinities import AFFINITIES
from stillwatch.provenance.combine import Combiner, balanced, fit_weights, load, save, shipped
from stillwatch.provenance.fit import auc, cross_fit, fit, null_p_values
from stillwatch.provenance.panel import Pair


@pytest.fixture(scope="module")
def pairs(invented):
    return [
        Pair(c.model, "ref-" + next(iter(c.taught_by)) + "-1", c.cluster)
        for c in invented[1].controls
        if c.taught_by
    ]


def test_the_shipped_combiner_has_a_history():
    combiner = shipped()
    assert set(combiner.features) <= set(AFFINITIES)
    assert all(w > 0 for w in combiner.weights)
    assert len(combiner.trained_on) == combiner.quality["known_pairs"] == 18
    assert datetime.date.fromisoformat(combiner.date)
    assert combiner.quality["auc"] > 0.9


def test_a_combiner_comes_back(tmp_path):
    (tmp_path / "c.json").write_bytes(save(shipped()))
    assert load(tmp_path / "c.json") == shipped()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        '{"version": 1, "features": ["x"], "weights": [1], "intercept": 0, "trained_on": []}',
        '{"version": 1, "features": ["form"], "weights": [-1], "intercept": 0, "trained_on": []}',
    ],
)
def test_a_damaged_combiner_is_told(tmp_path, content):
    (tmp_path / "c.json").write_text(content)
    with pytest.raises(StoredDataError, match="combiner"):
        load(tmp_path / "c.json")


def test_weights_are_never_negative():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    known = x[:, 0] - x[:, 1] > 0
    b = fit_weights(x, known, [str(i) for i in range(200)])
    assert b[1] > 0
    assert b[2] == 0


def test_clusters_weigh_equally_on_each_side():
    known = np.array([1, 1, 1, 0, 0], np.bool_)
    assert balanced(known, list("aabcd")).tolist() == pytest.approx([5, 5, 10, 10, 10])


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=20),
    st.lists(st.integers(0, 5), min_size=1, max_size=20),
)
def test_auc_is_the_chance_to_rank_right(known, null):
    a, b = np.array(known, float), np.array(null, float)
    wins = (a[:, None] > b).mean() + 0.5 * (a[:, None] == b).mean()
    assert auc(a, b) == pytest.approx(wins)
    assert auc(a, b) + auc(b, a) == pytest.approx(1)


def test_fitting_finds_invented_students(measured, pairs):
    combiner = fit(measured, pairs, data="invented", today=datetime.date(2026, 1, 2))
    assert combiner.quality["auc"] > 0.95
    assert combiner.quality["vendor_top_1"] > 0.9
    assert combiner.date == "2026-01-02"
    assert isinstance(combiner, Combiner)


def test_a_cluster_is_scored_by_others(measured, pairs):
    fold = cross_fit(measured, pairs)
    p = null_p_values(measured, fold, ~fold.known)
    assert p.shape == ((~fold.known).sum(), 2)
    assert (p > 0).all()
    assert (p[:, 0] <= 0.05).mean() < 0.12


def test_too_few_pairs_are_told(measured, pairs):
    with pytest.raises(EmptyInput, match="3 known pairs in 2 clusters"):
        fit(measured, pairs[:3], data="")
