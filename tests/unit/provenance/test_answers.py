import pytest

from stillwatch.provenance.answers import Answers, normalised, prompt_key
from stillwatch.provenance.limits import Limits


@pytest.mark.parametrize("other", ["What  is up?", "what is UP?", "What is up?\n", "Ｗhat is up?"])
def test_prompts_align_by_their_text(other):
    assert prompt_key(other) == prompt_key("What is up?")
    assert normalised("What is up!") != normalised("What is up?")


def test_a_repeated_row_is_used_once():
    answers = Answers()
    for place in ("1", "2"):
        answers.add("m", "k", "p", "same", place)
    assert answers.outputs["m"] == {"k": "same"}
    assert answers.troubles.counts == {"row of m repeated word for word, used once": 1}


def test_of_two_different_answers_neither_is_used():
    answers = Answers()
    for output in ("one", "two", "three"):
        answers.add("m", "k", "p", output, output)
    assert answers.outputs["m"] == {}
    assert answers.contradicted == {"m": 1}
    assert answers.models == ()


def test_empty_and_long_answers_are_told():
    answers = Answers(Limits(answer_chars=5))
    answers.add("m", "a", "p", " \n", "1")
    answers.add("m", "b", "p", "abcdefgh", "2")
    assert answers.outputs["m"] == {"b": "abcde"}
    assert set(answers.troubles.counts) == {
        "empty answer of m, not used",
        "answer longer than 5 characters, cut",
    }


def test_rows_with_an_id_only_find_their_prompt():
    answers = Answers()
    key = prompt_key("hello")
    answers.add("a", key, "hello", "x", "1")
    answers.also_known("id 7", key)
    answers.add("b", "id 7", "", "y", "2")
    answers.resolve()
    assert answers.outputs["b"] == {key: "y"}
