import numpy as np
import pytest
from scipy import stats

from stillwatch.provenance.marks.greenlist import count_green, distinct_pairs, green_mask
from stillwatch.provenance.marks.keys import Key
from stillwatch.provenance.marks.processor import GreenListProcessor, cost

RNG = np.random.default_rng(11)
KEY = Key("a", bytes(range(16)))
VOCABULARY = 500


def served(key, tokens, seed=0, delta=2.0):
    """Text of a flat model behind the processor."""
    rng = np.random.default_rng(seed)
    processor = GreenListProcessor(key, 0.25, delta)
    ids = [0]
    for _ in range(tokens):
        logits = processor(ids, rng.normal(size=VOCABULARY))
        weights = np.exp(logits)
        ids.append(int(np.searchsorted(np.cumsum(weights), rng.random() * weights.sum())))
    return np.array(ids)


def test_a_share_gamma_is_green_and_depends_on_the_token_before():
    masks = [green_mask(KEY, before, 40_000, 0.25) for before in (1, 2)]
    assert masks[0].mean() == pytest.approx(0.25, abs=0.01)
    assert (masks[0] & masks[1]).mean() == pytest.approx(0.0625, abs=0.01)


def test_serving_and_testing_agree_on_what_is_green():
    text = RNG.integers(0, VOCABULARY, 3000)
    pairs = distinct_pairs([text])
    seen = set(zip(text[:-1].tolist(), text[1:].tolist(), strict=True))
    hits = sum(green_mask(KEY, before, VOCABULARY, 0.25)[token] for before, token in seen)
    counted = count_green(pairs, KEY, 0.25)
    assert (counted.hits, counted.distinct) == (hits, len(seen))
    assert counted.p == pytest.approx(stats.binomtest(int(hits), len(seen), 0.25, "greater").pvalue)


def test_marked_text_shows_its_key_and_no_other():
    pairs = distinct_pairs([served(KEY, 800)])
    assert count_green(pairs, KEY, 0.25).p < 1e-12
    others = [count_green(pairs, Key("x", RNG.bytes(16)), 0.25).p for _ in range(200)]
    assert 0 < np.mean(np.array(others) < 0.2) < 0.32


def test_repeats_are_counted_once():
    text = served(KEY, 300)
    once = distinct_pairs([text])
    again = distinct_pairs([text] * 50)
    assert np.array_equal(once.before, again.before)
    assert again.tokens == 50 * once.tokens


def test_wrong_keys_are_uniform_on_skewed_and_repeated_text():
    text = np.minimum(RNG.zipf(1.3, 20_000), 3000)
    pairs = distinct_pairs([text])
    p = [count_green(pairs, Key("x", RNG.bytes(16)), 0.25).p for _ in range(1000)]
    assert stats.kstest(p, "uniform").pvalue > 1e-3


def test_the_processor_takes_batches_and_rows():
    scores = RNG.normal(size=(2, VOCABULARY))
    processor = GreenListProcessor(KEY)
    batch = processor(np.array([[5, 1], [5, 2]]), scores)
    assert batch[0] == pytest.approx(scores[0] + 2 * green_mask(KEY, 1, VOCABULARY, 0.25))
    assert batch[1] == pytest.approx(processor([9, 9, 2], scores[1]))
    assert np.array_equal(processor([], scores[0]), scores[0])


def test_it_works_on_whatever_has_the_methods_of_a_tensor():
    class Tensor(np.ndarray):
        def new_tensor(self, values):
            return np.asarray(values).view(Tensor)

        def clone(self):
            return self.copy()

    scores = RNG.normal(size=(1, VOCABULARY)).view(Tensor)
    before = scores.clone()
    out = GreenListProcessor(KEY)(np.array([[1]]), scores)
    assert isinstance(out, Tensor)
    assert np.array_equal(scores, before)
    assert np.asarray(out[0] - scores[0]) == pytest.approx(2 * green_mask(KEY, 1, VOCABULARY, 0.25))


def test_a_mark_costs_nothing_where_there_is_no_choice():
    green = green_mask(KEY, 1, VOCABULARY, 0.25)
    sure = np.full(VOCABULARY, -50.0)
    sure[3] = 0
    assert cost(sure, green, 2.0) == pytest.approx(0, abs=1e-9)
    assert cost(np.zeros(VOCABULARY), green, 2.0) > 0.2
    assert cost(np.zeros(VOCABULARY), green, 0.5) < cost(np.zeros(VOCABULARY), green, 2.0)
