"""The table of requirements names tests that exist, and every test is in it."""

import ast
import re
from pathlib import Path

from tests.support import ROOT

TABLE = ROOT / "docs" / "reference" / "taxii-conformance.md"
APART = {"test_an_observable_that_others_hide_can_be_stored", "test_an_unsigned_object_is_no_claim",
         "test_too_long_a_query", "test_fuzzed_bodies_get_no_5xx", "test_fuzzed_queries_get_no_5xx",
         "test_every_answer_is_as_described", "test_what_a_second_member_posts_is_there_for_it_too",
         "test_what_several_posted_goes_with_the_last_of_them", "test_what_two_post_at_once_is_there_for_both"}  # fmt: skip
"""Rules of ours, not of the standard."""


def test_every_requirement_has_its_test_and_every_test_its_requirement() -> None:
    named = set(re.findall(r"`(test_\w+)`", TABLE.read_text(encoding="utf-8")))
    assert len(named) > 40
    assert named | APART == _tests()


def _tests() -> set[str]:
    here = Path(__file__)
    return {
        node.name
        for path in here.parent.glob("test_*.py")
        if path != here
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
