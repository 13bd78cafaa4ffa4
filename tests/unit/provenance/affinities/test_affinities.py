"""Laws that every affinity keeps, and what each one is for."""

import numpy as np
import pytest

from stillwatch.provenance.affinities import AFFINITIES, Exhibit
from stillwatch.provenance.affinities.grams import distinct, grams
from stillwatch.provenance.affinities.phrases import log_odds
from stillwatch.provenance.tokens import tokenise
from tests.panels import Habits


def exhibit(rows, teachers=(0, 1), vendors=("v", "w")):
    return Exhibit(tokenise(rows, 4096), rows, teachers, vendors)


def written(model: int, prompts: int = 40):
    import random

    rng = random.Random(model)
    habits = Habits(model // 2)  # 0 and 1 share habits, 2 and 3 share others
    return [habits.answer(p, rng) for p in range(prompts)]


@pytest.fixture(scope="module")
def shown():
    rows = [written(0), written(2), written(1), written(3), written(8), [None] * 40]
    rows[4][3] = ""
    return exhibit(rows)


@pytest.mark.parametrize("name", AFFINITIES)
def test_an_affinity_has_shape_and_says_nothing_of_the_absent(shown, name):
    evidence = AFFINITIES[name]().prepare(shown)
    values = evidence.at(np.ones((3, 40)))
    assert values.shape == (3, 6, 2)
    assert np.isnan(values[:, 5]).all()
    assert np.isnan(values[:, [0, 1], [0, 1]]).all()
    assert np.isfinite(values[:, 2:5]).all()
    assert values[0] == pytest.approx(values[1], nan_ok=True)


@pytest.mark.parametrize("name", AFFINITIES)
def test_weights_are_repetitions(shown, name):
    evidence = AFFINITIES[name]().prepare(shown)
    weights = np.zeros((1, 40))
    weights[0, :20] = 2
    half = np.zeros((1, 40))
    half[0, :20] = 1
    assert evidence.at(weights) == pytest.approx(evidence.at(half), nan_ok=True)


@pytest.mark.parametrize("name", AFFINITIES)
def test_shared_habits_are_seen(shown, name):
    values = AFFINITIES[name]().prepare(shown).at(np.ones((1, 40)))[0]
    assert values[2, 0] > values[2, 1]
    assert values[3, 1] > values[3, 0]


def reference_rouge(a, b):
    table = np.zeros((len(a) + 1, len(b) + 1), int)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            table[i + 1, j + 1] = (
                table[i, j] + 1 if x == y else max(table[i, j + 1], table[i + 1, j])
            )
    return 2 * table[-1, -1] / (len(a) + len(b))


def test_bit_parallel_rouge_is_the_textbook_one():
    rng = np.random.default_rng(5)
    rows = [
        [" ".join(f"w{i}" for i in rng.integers(0, 9, rng.integers(1, 200))) for _ in range(30)]
        for _ in range(4)
    ]
    shown = exhibit(rows)
    values = AFFINITIES["rouge-l"]().prepare(shown).values
    for m in range(4):
        for t in range(2):
            for p in range(30):
                if m != t:
                    expected = reference_rouge(shown.tokens.answer(m, p), shown.tokens.answer(t, p))
                    assert values[m, t, p] == pytest.approx(expected, abs=1e-6)


def test_a_common_opening_counts_by_its_rarity():
    rows = [["the cat sat"], ["a dog ran"], ["the cat lay"], ["a dog ran off"], ["the cow"]]
    values = AFFINITIES["openings"]().prepare(exhibit(rows)).values[:, :, 0]
    assert values[2, 0] == pytest.approx(np.log(5 / 2))
    assert values[3, 1] == pytest.approx(np.log(5 / 2))
    assert values[4, 0] == pytest.approx(np.log(5 / 3))
    assert values[4, 1] == 0


def test_shared_eight_grams_are_contained():
    text = " ".join(f"w{i}" for i in range(20))
    rows = [[text], ["z " * 12], [text + " and more that is new to all of us here"], ["w1 w2"]]
    values = AFFINITIES["shared-8-grams"]().prepare(exhibit(rows)).values[:, :, 0]
    assert 0.3 < values[2, 0] < 1
    assert values[2, 1] == 0
    assert np.isnan(values[3]).all()  # too short to hold any


def test_grams_stay_inside_an_answer():
    tokens = tokenise([["a b c", "d e"], ["a b", "c d e"]], 10)
    value, at = grams(tokens, 3)
    assert at.size == 2
    assert np.unique(value).size == 2
    assert np.diff(distinct(tokens, 2)[1]).tolist() == [2, 1, 1, 2]


def test_log_odds_point_to_who_says_it_more():
    ratio, z = log_odds(np.array([90.0, 10.0, 50.0]), np.array([0.2, 0.5, 0.3]))
    assert ratio[0] > 0 > ratio[1]
    assert np.sign(z).tolist() == np.sign(ratio).tolist()
