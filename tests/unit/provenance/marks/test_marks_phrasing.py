import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.provenance.marks.keys import Key
from stillwatch.provenance.marks.phrasing import (
    count_choices,
    make_phrasings,
    mark_text,
    observe,
    shipped_phrasings,
)

KEY = Key("a", bytes(range(16)))
SHIPPED = shipped_phrasings()


def prose(seed: int, sentences: int = 400) -> str:
    rng = random.Random(seed)
    phrases = [phrase for group in SHIPPED.sets for phrase in group]
    words = [f"word{i}" for i in range(60)]
    return " ".join(
        f"{rng.choice(words).capitalize()} {rng.choice(phrases)} {rng.choice(words)}."
        for _ in range(sentences)
    )


def test_the_shipped_sets_are_sound():
    assert len(SHIPPED.sets) >= 50
    assert all(phrase == phrase.lower() for group in SHIPPED.sets for phrase in group)


@pytest.mark.parametrize("sets", [[["one"]], [["a", "b"], ["b", "c"]]])
def test_unsound_sets_are_refused(sets):
    with pytest.raises(ValueError, match=r"no choice|two sets"):
        make_phrasings(sets)


def test_marking_twice_changes_nothing_more():
    once = mark_text(prose(1), KEY)
    again = mark_text(once.text, KEY)
    assert once.changed > 50
    assert again.text == once.text
    assert again.changed == 0


def test_code_quotes_and_articles_are_left_alone():
    text = (
        'Use `for example` and "for instance". An important thing.\n```\nfor example usually\n```'
    )
    assert list(SHIPPED.uses(text)) == []


def test_case_is_kept():
    keys = [Key("x", bytes([i] * 16)) for i in range(30)]
    starts = {mark_text("Therefore it is so.", key).text.split()[0] for key in keys}
    assert starts == {"Therefore", "Thus", "Hence"}
    assert any(mark_text("HOWEVER!", key).text == "NEVERTHELESS!" for key in keys)


@given(st.text(max_size=300))
def test_any_text_can_be_marked(text):
    marked = mark_text(text, KEY)
    assert marked.changed <= marked.uses
    if marked.uses == 0:
        assert marked.text == text


def test_a_marked_text_shows_its_key_and_unmarked_text_none():
    marked = observe([mark_text(prose(2), KEY).text])
    assert count_choices(marked, KEY).p < 1e-20
    plain = observe([prose(2)])
    p = [count_choices(plain, Key("x", np.random.default_rng(i).bytes(16))).p for i in range(300)]
    assert np.mean(np.array(p) <= 0.1) == pytest.approx(0.1, abs=0.06)


def test_a_context_counts_once():
    assert len(observe(["Cats usually sleep. Cats usually sleep. Cats typically sleep."]).uses) == 1
