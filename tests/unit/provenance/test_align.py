import pytest

from stillwatch.errors import EmptyInput, InputError
from stillwatch.provenance.align import align
from stillwatch.provenance.answers import Answers
from stillwatch.provenance.panel import make_panel

PANEL = make_panel(
    {
        "ours": ["o"],
        "reference": [{"model": "r", "vendor": "v"}],
        "control": [{"model": "c", "cluster": "c"}],
    },
    "test",
)


def table(**rows: str) -> Answers:
    answers = Answers()
    for model, prompts in rows.items():
        for prompt in prompts:
            answers.add(model, prompt, f"text of {prompt}", f"{model} on {prompt}", prompt)
    return answers


def test_prompts_that_too_few_answered_are_listed():
    found = align(table(o="abc", r="abd", c="ab", s="abe"), PANEL, ("s",))
    assert found.prompts == ("a", "b")
    assert found.unaligned == ("text of c", "text of d", "text of e")
    assert found.outputs[found.models.index("r")] == ("r on a", "r on b")


def test_absent_and_surplus_models_are_told():
    found = align(table(o="a", r="a", s="a", x="a"), PANEL, ("s",))
    assert (found.missing, found.unused) == (("c",), ("x",))


def test_a_suspect_without_answers():
    with pytest.raises(InputError, match="no model 's'"):
        align(table(o="a", r="a"), PANEL, ("s",))


def test_no_common_prompt():
    with pytest.raises(EmptyInput, match="no prompt was answered"):
        align(table(o="a", r="a", c="a", s="z"), PANEL, ("s",))


def test_two_models_with_one_name():
    answers = table(o="abcd", r="abcd", c="abcd", s="abcd")
    for prompt in "abcd":
        answers.add("r", prompt, "", "something else", "second file")
    with pytest.raises(InputError, match="two models with one name"):
        align(answers, PANEL, ("s",))
