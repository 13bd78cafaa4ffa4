"""Rules are read whole or refused with the place; what they are does not depend on their writing."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.errors import InputError
from stillwatch.intel.sigma import parse_condition, parse_rule
from tests.travelling import HARNESS, SCAFFOLD, content, text


def test_a_rule_is_read_whole() -> None:
    rule = parse_rule(text())
    assert rule.title == "Derivations harvested"
    assert rule.techniques == ("AML.T0040",)
    assert rule.condition == ("and", "scaffold", ("not", "harness"))
    assert rule.phrases() == (SCAFFOLD, HARNESS)
    assert (rule.share, rule.prompts) == (0.1, 2)
    assert rule.measured is not None
    assert rule.measured.upper == 0.001
    assert len(rule.match) == 2
    assert len(rule.no_match) == 2


def test_identity_is_the_content() -> None:
    rule = parse_rule(text())
    reordered = dict(reversed(content().items()))
    assert parse_rule(yaml.safe_dump(reordered)).digest == rule.digest
    assert parse_rule(text(title="Another name")).digest != rule.digest
    longer = content()["stillwatch"] | {"expires": "2098-01-01"}
    assert parse_rule(text(stillwatch=longer)).digest != rule.digest


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"colour": "red"}, "colour"),
        ({"title": 3}, r"\$\.title"),
        ({"logsource": {"category": "proxy"}}, r"\$\.logsource\.category"),
        ({"detection": {"condition": "a"}}, "detection"),
        (
            {"detection": {"a": {"user|contains": "x" * 9}, "condition": "a"}},
            "unknown field 'user'",
        ),
        ({"detection": {"a": {"prompt|re": "x" * 9}, "condition": "a"}}, "not understood"),
        ({"detection": {"a": {"prompt|contains": "short"}, "condition": "a"}}, "not a value"),
        ({"detection": {"a": {"words|gte": "many"}, "condition": "a"}}, "not a value"),
        ({"detection": {"a": {"words|gte": True}, "condition": "a"}}, "not a value"),
        ({"detection": {"a": {"words|gte": 3}, "condition": "b"}}, "no selection is named 'b'"),
        ({"stillwatch": {}}, r"\$\.stillwatch"),
        ({"stillwatch": content()["stillwatch"] | {"expires": "2026-02-31"}}, "not a day"),
    ],
)
def test_what_is_not_understood_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse_rule(text(**changes), "theirs.yaml")


@pytest.mark.parametrize(
    "written",
    [
        "a: &x [1, 2]\nb: *x\n",
        "!!python/object/apply:os.system [ls]",
        "a: [",
        "\x00",
        "- 1",
        "[" * 5000,
        "title: x\n" + "# " + "x" * 20_000,
    ],
)
def test_hostile_yaml_is_refused(written: str) -> None:
    with pytest.raises(InputError):
        parse_rule(written)


def test_more_phrases_than_the_bound_are_refused() -> None:
    many = {
        f"s{n}": {"prompt|contains": [f"phrase {n} {m} of many" for m in range(40)]} for n in "ab"
    }
    with pytest.raises(InputError, match="more than 64 phrases"):
        parse_rule(text(detection={**many, "condition": "all of them"}))


NAMES = {"a", "b", "known_x", "known_y"}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("a", "a"),
        ("a and b or not a", ("or", ("and", "a", "b"), ("not", "a"))),
        ("a and (b or a)", ("and", "a", ("or", "b", "a"))),
        ("not not a", ("not", ("not", "a"))),
        ("1 of known_*", ("or", "known_x", "known_y")),
        ("all of them", ("and", "a", "b", "known_x", "known_y")),
        ("a AND NOT 1 of known_x", ("and", "a", ("not", ("or", "known_x")))),
    ],
)
def test_conditions(written: str, meant: object) -> None:
    assert parse_condition(written, NAMES) == meant


@pytest.mark.parametrize(
    "written",
    ["", "a b", "(a", "a)", "and a", "not", "1 of z*", "1 of", "(" * 30 + "a", "not " * 99 + "a"],
)
def test_broken_conditions(written: str) -> None:
    with pytest.raises(InputError, match=r"detection\.condition"):
        parse_condition(written, NAMES)


@given(st.text(alphabet="ab()notr 1f*_kw", max_size=40))
def test_a_condition_is_understood_or_refused(written: str) -> None:
    try:
        understood = parse_condition(written, NAMES)
    except InputError:
        return
    assert understood
