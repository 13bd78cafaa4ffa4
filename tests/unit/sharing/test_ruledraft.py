"""A drafted rule says what several accounts say, quotes no prompt, and passes its own samples."""

from datetime import date

import pytest

from stillwatch.detection.travelling import failing_samples
from stillwatch.errors import InputError
from stillwatch.intel.sigma import parse_rule
from stillwatch.sharing.ruledraft import common_phrases, draft_rule
from tests.profiling import families
from tests.travelling import SCAFFOLD, asked

PROMPTS = {
    f"a{i}": [asked(i), " ".join(f"word{i}{letter}" for letter in "abcdefgh")] for i in range(6)
}


def test_phrases_are_what_several_accounts_say() -> None:
    best, *others = common_phrases(PROMPTS, 3)
    assert SCAFFOLD in best
    assert all(phrase in PROMPTS["a1"][0] for phrase in others)
    assert common_phrases(PROMPTS, 7) == ()
    assert common_phrases({}, 1) == ()


def test_what_one_account_repeats_stays_out() -> None:
    said = {"a": ["my own secret words are here for all of you"] * 9, "b": ["nothing like it"]}
    assert common_phrases(said, 2) == ()


def test_a_draft_is_a_rule_that_passes_its_own_samples() -> None:
    written = draft_rule(
        "Derivations",
        common_phrases(PROMPTS, 3),
        ["AML.T0040"],
        0.1,
        (900, 0.0033),
        date(2026, 11, 1),
    )
    rule = parse_rule(written)
    assert failing_samples(rule, families()) == ()
    assert rule.techniques == ("AML.T0040",)
    assert rule.expires == date(2027, 1, 30)
    assert rule.measured is not None
    assert rule.measured.upper == 0.0033
    assert not any(prompt in written for texts in PROMPTS.values() for prompt in texts)


def test_no_common_wording_is_an_error() -> None:
    with pytest.raises(InputError, match="no wording in common"):
        draft_rule("Nothing", (), (), 0.1, None)
