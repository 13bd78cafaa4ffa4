"""Paraphrase noise: none, some, and what it keeps."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.simulation.paraphrase import variations

TEXT = "Explain every step before the final answer. Number the steps and then give the answer."


def test_no_noise_changes_nothing() -> None:
    assert variations(np.random.default_rng(1), TEXT, 0.0) == [TEXT]


def test_more_noise_touches_more_words() -> None:
    def kept(noise: float) -> float:
        words = set(TEXT.split())
        texts = variations(np.random.default_rng(1), TEXT, noise, 200)
        return float(np.mean([len(words & set(text.split())) / len(words) for text in texts]))

    assert 1 > kept(0.1) > kept(0.2) > kept(0.4) > 0.4


def test_case_and_punctuation_survive() -> None:
    texts = variations(np.random.default_rng(2), "Answer, please.", 1.0, 50)
    assert all(text.split()[0][0].isupper() for text in texts if text.split()[0] != "please.")
    assert all("," in text and text.endswith(".") for text in texts)


@given(st.text(alphabet="ab \n.", max_size=60), st.floats(0, 0.4), st.integers(0, 100))
def test_lines_stay_lines_and_equal_seeds_agree(text: str, noise: float, seed: int) -> None:
    first = variations(np.random.default_rng(seed), text, noise, 5)
    assert first == variations(np.random.default_rng(seed), text, noise, 5)
    assert all(variant.count("\n") == text.count("\n") for variant in first)
