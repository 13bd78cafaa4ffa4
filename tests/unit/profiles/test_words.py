import importlib.util
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from stillwatch.errors import ConfigError
from stillwatch.profiles import words as words_module
from stillwatch.profiles.pieces import PIECES
from stillwatch.profiles.words import SPACE_MARK, UNIT, WordVectors, encode, token_model

MODEL = token_model()


@cache
def oracle() -> Tokenizer:
    spec = importlib.util.find_spec("wordllama")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "tokenizers"
    tokenizer = Tokenizer.from_file(str(folder / "l2_supercat_tokenizer_config.json"))
    tokenizer.normalizer = None  # type: ignore[assignment]
    return tokenizer


def tokens(text: str, spaced: bool) -> list[int]:
    data = np.frombuffer(text.encode(), dtype=np.uint8)
    out, ranks = np.zeros(56, dtype=np.int32), np.zeros(56, dtype=np.uint32)
    n = encode(data, 0, data.size, spaced, MODEL.characters, MODEL.merges, out, ranks)
    return [int(token) for token in out[:n]]


pieces = st.text(
    st.characters(codec="utf-8", exclude_categories=("Z", "Cc")), min_size=1, max_size=12
) | st.text("abcdefghinorstuABC", min_size=1, max_size=48)


@given(pieces, st.booleans())
def test_encoding_is_that_of_the_tokenizer_library(text: str, spaced: bool) -> None:
    expected = oracle().encode((SPACE_MARK if spaced else "") + text, add_special_tokens=False)
    assert tokens(text, spaced) == expected.ids


@pytest.mark.parametrize(
    "word", ["hello", "Internationalization", "Überraschung", "你", "😀", "):"]
)
def test_a_vector_is_the_sum_of_its_tokens(word: str) -> None:
    vector = WordVectors(PIECES).vector(word, spaced=True)
    ids = oracle().encode(SPACE_MARK + word, add_special_tokens=False).ids
    assert vector.tolist() == MODEL.vectors[ids].astype(np.int64).sum(axis=0).tolist()


def test_the_largest_piece_cannot_overflow() -> None:
    assert int(np.abs(MODEL.vectors.astype(np.int64)).max()) * 56 < np.iinfo(np.int16).max
    assert np.abs(MODEL.vectors).max() / UNIT == pytest.approx(8.0156, abs=1 / UNIT)


def test_missing_weights_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words_module.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"l2_supercat_256.*install wordllama"):
        token_model.__wrapped__()
