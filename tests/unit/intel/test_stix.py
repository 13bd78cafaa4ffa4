"""Claims to STIX and back without loss; others' objects; every object passes the validator."""

import json

import pytest
import stix2
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.errors import InputError
from stillwatch.intel.ids import (
    CLAIM,
    KINDS,
    TYPES,
    claim_id,
    kind_of,
    new_claim_id,
    stated_kind,
    stix_id,
)
from stillwatch.intel.stix import from_stix, is_claim, to_stix
from tests.claims import any_claim, examples
from tests.stixcheck import problems

EXAMPLES = examples()
FOREIGN = {
    "type": "campaign",
    "spec_version": "2.1",
    "id": "campaign--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
    "created": "2016-04-06T20:03:00.000Z",
    "modified": "2016-04-06T20:03:23.000Z",
    "name": "Green Group Attacks Against Finance",
}


@given(any_claim())
def test_a_claim_survives_the_round_trip(claim):
    assert from_stix(to_stix(claim)) == claim


@given(any_claim())
def test_a_claim_survives_json(claim):
    assert from_stix(json.loads(json.dumps(to_stix(claim)))) == claim


@given(any_claim())
@settings(max_examples=40, deadline=None)
def test_every_object_passes_the_validator_strictly(claim):
    obj = to_stix(claim)
    assert problems(obj) == []
    assert json.loads(stix2.parse(obj, allow_custom=False).serialize()).keys() >= obj.keys()


@pytest.mark.parametrize("kind", TYPES)
def test_each_example_is_one_object_of_its_type(kind):
    obj = to_stix(EXAMPLES[kind])
    assert obj["type"] == TYPES[kind]
    assert kind in KINDS[obj["type"]]
    assert stated_kind(obj["type"], obj["extensions"][CLAIM]) == kind == kind_of(EXAMPLES[kind])
    assert problems(obj) == []
    assert is_claim(obj)
    assert obj["id"] == stix_id(EXAMPLES[kind])
    assert claim_id(obj["id"]) == EXAMPLES[kind].terms.claim_id


@given(any_claim(), st.dictionaries(st.text(min_size=1), st.integers(), max_size=3))
def test_what_others_added_changes_nothing(claim, added):
    obj = to_stix(claim)
    more = {**{f"x_{name}": value for name, value in added.items()}, **obj}
    more["extensions"][CLAIM]["fields"].update({f"x_{n}": v for n, v in added.items()})
    assert from_stix(more) == claim


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "lacks our extension"),
        ({"extensions": {CLAIM: 3}}, "kind must be campaign"),
        ({"extensions": {CLAIM: {"kind": "actor"}}}, "kind must be campaign"),
        ({"id": "x"}, "id is not"),
        ({"modified": None}, "modified is"),
    ],
)
def test_no_claim_says_why(change, words):
    with pytest.raises(InputError, match=words):
        from_stix({**FOREIGN, **change})
    assert is_claim({**FOREIGN, **change}) == ("extensions" in change)


def test_another_type_with_our_extension_is_no_claim():
    obj = {**FOREIGN, "type": "malware", "id": FOREIGN["id"].replace("campaign", "malware")}
    with pytest.raises(InputError, match="none in which claims travel"):
        from_stix({**obj, "extensions": {CLAIM: {"kind": "campaign"}}})


@pytest.mark.parametrize("value", [None, [], "text", 3])
def test_what_is_no_object_is_no_claim(value):
    assert not is_claim(value)
    with pytest.raises(InputError, match="JSON object"):
        from_stix(value)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("fields", "accounts"), None, "accounts is missing"),
        (("fields", "accounts"), {"low": 1}, "accounts.high must be a whole number"),
        (("fields", "accounts"), {"low": True, "high": 2}, "accounts.low"),
        (("fields", "accounts"), 5, "accounts must be a range"),
        (("fields", "p_value"), "0.1", "p_value must be a number"),
        (("fields", "p_value"), 10**400, "p_value is too large"),
        (("fields", "release_pivot"), 1, "release_pivot must be true or false"),
        (("fields", "first_seen"), "2026-1-1", "first_seen must be a day"),
        (("fields", "first_seen"), "2026-02-30", "first_seen must be a day"),
        (("fields", "targets"), "x", "targets must be a list"),
        (("fields", "targets"), [3], r"targets.\[0\] must be a text"),
        (("fields", "name"), 3, "name must be a text"),
        (("fields",), [], "fields must be an object"),
        (("terms",), None, "terms must be an object"),
        (("terms", "purpose"), "war", "purpose must be one of"),
        (("terms", "legal_basis"), {}, "legal_basis.jurisdiction is missing"),
        (("terms", "valid_until"), "soon", "valid_until is no timestamp"),
    ],
)
def test_a_part_that_is_wrong_is_named(path, value, words):
    obj = to_stix(EXAMPLES["campaign"])
    holder = obj["extensions"][CLAIM]
    for name in path[:-1]:
        holder = holder[name]
    if value is None:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    with pytest.raises(InputError, match=words):
        from_stix(obj)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("created_by_ref", None), ("created_by_ref", "campaign--x"), ("confidence", "high"),
        ("confidence", True), ("revoked", "no"), ("object_marking_refs", ["marking-definition--"
         "8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"]),
    ],
)  # fmt: skip
def test_a_term_of_the_object_that_is_wrong_is_named(name, value):
    with pytest.raises(InputError, match=name):
        from_stix({**to_stix(EXAMPLES["campaign"]), name: value})


def test_a_rule_without_its_text_is_no_claim():
    obj = to_stix(EXAMPLES["rule"])
    with pytest.raises(InputError, match="pattern"):
        from_stix({**obj, "pattern_type": "stix"})


def test_new_ids_are_random():
    assert len({new_claim_id() for _ in range(50)}) == 50
