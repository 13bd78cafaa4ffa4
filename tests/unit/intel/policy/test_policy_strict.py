"""JSON that readers could take in two ways is refused before it is judged."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.errors import InputError
from stillwatch.intel.policy.strict import MOST_BYTES, MOST_DEPTH, parse, repeated


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b'{"a": 1, "a": 2}', "given twice"),
        (b'{"x": {"a": 1, "\\u0061": 2}}', "given twice"),
        (b"[NaN]", "no JSON"), (b"[-Infinity]", "no JSON"), (b"[1e999]", "double"),
        (b"[9007199254740992]", "2\\^53"), (b"[" + b"9" * 5000 + b"]", "2\\^53"),
        (b'["\\ud800"]', "Unicode"), (b'["\xff"]', "Unicode"), (b"[1", "no JSON"),
        (b"", "no JSON"), (b"{} {}", "no JSON"),
        (b"[" * 100_000, "bytes"), (b"[" * 1000 + b"]" * 1000, "levels"),
        (b'{"a":' * 20 + b"1" + b"}" * 20, "levels"),
        (b'"' + b"x" * MOST_BYTES + b'"', "bytes"),
    ],
)  # fmt: skip
def test_what_is_ambiguous_or_too_much(text, words):
    with pytest.raises(InputError, match=words):
        parse(text)


def test_a_member_given_twice_is_found_at_any_depth():
    assert repeated(b'[{"a": [{"b": 1, "b": 2}]}]')
    assert not repeated(b'[{"a": {"a": 1}}, {"a": 2}]')


def test_brackets_in_texts_are_no_depth():
    value = {"a": "[" * 100 + '"\\' + "{" * 100}
    assert parse(json.dumps(value).encode()) == value


def test_the_deepest_allowed():
    assert parse(b"[" * MOST_DEPTH + b"]" * MOST_DEPTH)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(
        exclude_categories=["Cs"])), inner),
    max_leaves=10,
)  # fmt: skip


@given(json_values, st.booleans())
def test_what_is_plain_is_read_as_others_read_it(value, ascii_only):
    text = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert parse(text) == value
