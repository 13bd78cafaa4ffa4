"""On real answers, where they are: reading, and marks that no text carries."""

import numpy as np
import pytest

from stillwatch.provenance.marks.examine import word_ids
from stillwatch.provenance.marks.greenlist import count_green, distinct_pairs
from stillwatch.provenance.marks.keys import Key
from stillwatch.provenance.marks.phrasing import count_choices, observe
from stillwatch.provenance.reading import read_answers


@pytest.mark.real_data
def test_real_answers_are_read_whole(real_data):
    read = read_answers([real_data / "model_outputs.parquet"])
    assert len(read.models) == 65  # vicuna-13b answers both benchmarks
    assert len(read.outputs["claude-2"]) > 390
    assert set(read.contradicted) == {"vicuna-13b"}


@pytest.mark.real_data
def test_wrong_keys_are_called_as_often_as_promised(real_data):
    read = read_answers([real_data / "model_outputs.parquet"])
    texts = list(read.outputs["cohere"].values())[:200]
    pairs = distinct_pairs([word_ids(text) for text in texts])
    observed = observe(texts)
    rng = np.random.default_rng(5)
    keys = [Key("x", rng.bytes(16)) for _ in range(300)]
    for p in (
        [count_green(pairs, key, 0.25).p for key in keys],
        [count_choices(observed, key).p for key in keys],
    ):
        # 300 draws at 0.1: five standard deviations are 0.087
        assert abs(np.mean(np.array(p) <= 0.1) - 0.1) < 0.087
