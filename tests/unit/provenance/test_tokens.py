import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.provenance.tokens import split, tokenise


def test_marks_and_layout_are_tokens():
    assert split("It's **bold**.\n\n1) No!") == [
        "it's", "*", "*", "bold", "*", "*", ".", "\n\n", "1", ")", "no", "!",
    ]  # fmt: skip


def test_scripts_without_spaces_are_cut_by_character():
    assert split("我爱你 ok ไทย") == ["我", "爱", "你", "ok", "ไ", "ท", "ย"]


@given(
    st.lists(
        st.lists(st.one_of(st.none(), st.text(max_size=40)), min_size=3, max_size=3),
        min_size=1,
        max_size=4,
    )
)
def test_answers_can_be_read_back(rows):
    tokens = tokenise(rows, longest=10)
    for m, row in enumerate(rows):
        for p, text in enumerate(row):
            words = [tokens.vocabulary[i] for i in tokens.answer(m, p)]
            assert words == split(text or "")[:10]
            assert tokens.present[m, p] == bool(words)
    assert tokens.owner.size == tokens.flat.size
    assert np.array_equal(
        tokens.lengths.ravel(), np.bincount(tokens.owner, minlength=len(rows) * 3)
    )
