"""The policy's lists are those of the code, and a mistake in a file is named."""

from datetime import date

import pytest

from stillwatch.campaigns.cohesion import FACETS
from stillwatch.campaigns.keys import KINDS as LINKS
from stillwatch.errors import ConfigError
from stillwatch.intel.ids import TYPES
from stillwatch.intel.policy.load import shipped, validate
from stillwatch.intel.stix import CLASSES, FIELDS, TERMS
from stillwatch.profiles.phrases import shipped_rules

POLICY = shipped()


def test_families_are_the_shipped_ones():
    files = {path.stem for path in (shipped_rules() / "phrases").glob("*.yaml")}
    assert files <= POLICY.lists["families"]


def test_evidence_has_every_link_and_facet():
    assert {link.name for link in LINKS} | {name for name, _ in FACETS} <= POLICY.lists["evidence"]


@pytest.mark.parametrize("kind", TYPES)
def test_the_fields_of_a_kind_are_those_of_its_dataclass(kind):
    stated = POLICY.kinds[kind].fields
    inner = {name for name, field in stated.items() if field.at == "extension"}
    assert inner == set(FIELDS[kind].names)
    assert set(stated) | {"terms"} == set(CLASSES[kind].__dataclass_fields__)


def test_the_terms_are_those_of_the_dataclass():
    inner = {name for name, field in POLICY.terms.items() if field.at == "extension"}
    assert inner == set(TERMS.names)
    assert set(POLICY.terms) == set(CLASSES["rule"].__dataclass_fields__["terms"].type
                                    .__dataclass_fields__)  # fmt: skip


def test_code_names_have_words_enough_and_none_twice():
    assert len(POLICY.words) >= 500
    assert len(set(POLICY.words)) == len(POLICY.words)
    assert all(word.isascii() and word.isalpha() and word.islower() for word in POLICY.words)


def test_a_statute_ends_when_it_says():
    assert POLICY.bases["cisa-2015"].until == date(2026, 9, 30)
    assert all(basis.confirmed for basis in POLICY.bases.values())


def test_what_can_never_leave_is_named():
    names = {heading.name for heading in POLICY.refused}
    assert names >= {"prompts", "answers", "customers", "prices", "quotas", "capacity", "revenue",
                     "roadmap", "model_quality", "identifiers"}  # fmt: skip


def test_the_bits_that_a_publisher_could_choose_are_bounded():
    for name, kind in POLICY.kinds.items():
        fields = [*kind.fields.values(), *POLICY.terms.values()]
        if name != "rule":
            assert sum(field.value.bits() for field in fields) < 2500


def test_a_mistake_names_file_and_field():
    inner = {"type": "object", "properties": {"b": {"type": "string"}}}
    with pytest.raises(ConfigError, match=r"lists.yaml: a.b: 3 is not of type 'string'"):
        validate({"a": {"b": 3}}, {"type": "object", "properties": {"a": inner}}, "lists.yaml")
