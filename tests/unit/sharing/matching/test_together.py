import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.crypto.ristretto import (
    IDENTITY,
    BadElement,
    Element,
    multiply,
    multiply_all,
    multiply_base,
    random_scalar,
)
from stillwatch.sharing.matching.together import weighted


def points(count: int) -> list[Element]:
    return [multiply_base(random_scalar()) for _ in range(count)]


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 30))
def test_right_answers_are_the_key_times_what_is_asked(count: int) -> None:
    key, blinded = random_scalar(), points(count)
    asked, due = weighted(blinded, multiply_all(key, blinded))
    assert multiply(key, asked) == due


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 20), st.data())
def test_one_wrong_answer_is_seen(count: int, data: st.DataObject) -> None:
    key, blinded = random_scalar(), points(count)
    answers = multiply_all(key, blinded)
    place = data.draw(st.integers(0, count - 1))
    answers[place] = data.draw(st.sampled_from([answers[place - 1], *points(1)]))
    asked, due = weighted(blinded, answers)
    assert multiply(key, asked) != due


def test_errors_that_cancel_unweighted_are_seen() -> None:
    """Two answers changed places: their plain sum is right."""
    key, blinded = random_scalar(), points(2)
    asked, due = weighted(blinded, multiply_all(key, blinded)[::-1])
    assert multiply(key, asked) != due


def test_nothing_is_asked_twice_alike() -> None:
    blinded = points(3)
    assert weighted(blinded, blinded)[0] != weighted(blinded, blinded)[0]


def test_an_answer_that_is_no_element_is_refused_with_its_place() -> None:
    with pytest.raises(BadElement) as caught:
        weighted(points(2), [points(1)[0], IDENTITY])
    assert caught.value.place == 1
