"""Bundles for other tools: sound, complete, and with edges between what claims name."""

import json

import pytest
import stix2
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.crypto.keys import SigningKey
from stillwatch.domain.claim import Tlp
from stillwatch.errors import InputError
from stillwatch.intel.bundle import bundle, write_bundle
from stillwatch.intel.definitions import EXTENSION_OBJECT, MARKING_OBJECTS, PROJECT_OBJECT
from stillwatch.intel.ids import CLAIM, MARKINGS
from stillwatch.intel.signed import sign
from stillwatch.intel.stix import to_stix
from tests.claims import any_claim, examples
from tests.stixcheck import problems

KEY = SigningKey.from_seed(bytes(range(32)))
OBJECTS = [sign(to_stix(claim), KEY) for claim in examples().values()]


@pytest.mark.parametrize(
    "obj", [EXTENSION_OBJECT, PROJECT_OBJECT, *MARKING_OBJECTS.values()], ids=lambda o: o["id"]
)
def test_definitions_pass_the_validator(obj):
    assert problems(obj) == []
    assert stix2.parse(obj, allow_custom=False)


def test_tlp_2_is_as_published():
    strict = MARKING_OBJECTS[Tlp.AMBER_STRICT]
    assert strict["name"] == "TLP:AMBER+STRICT"
    assert strict["created"] == "2022-10-01T00:00:00.000Z"
    assert list(strict["extensions"].values()) == [
        {"extension_type": "property-extension", "tlp_2_0": "amber+strict"}
    ]


def test_a_bundle_of_all_kinds_is_sound_and_keeps_signatures():
    made = bundle(OBJECTS)
    assert problems(made) == []
    assert stix2.parse(made, allow_custom=False)
    assert [o for o in made["objects"] if CLAIM in o.get("extensions", {})] == OBJECTS
    ids = {o["id"] for o in made["objects"]}
    assert MARKINGS[Tlp.AMBER] in ids
    assert MARKINGS[Tlp.RED] not in ids


def test_edges_follow_the_fields():
    edges = {
        (o["relationship_type"], o["source_ref"].split("--")[0], o["target_ref"].split("--")[0])
        for o in bundle(OBJECTS)["objects"]
        if o["type"] == "relationship"
    }
    assert edges == {
        ("attributed-to", "campaign", "intrusion-set"),
        ("indicates", "indicator", "attack-pattern"),
        ("related-to", "attack-pattern", "attack-pattern"),
        ("uses", "campaign", "attack-pattern"),
        ("uses", "campaign", "infrastructure"),
        ("uses", "intrusion-set", "attack-pattern"),
    }


def test_a_second_export_repeats_the_edges():
    first, second = (
        [o for o in bundle(OBJECTS)["objects"] if o["type"] == "relationship"] for _ in range(2)
    )
    assert first == second
    assert all(o["object_marking_refs"] == [MARKINGS[Tlp.AMBER]] for o in first)
    assert not [o for o in bundle(OBJECTS, edges=False)["objects"] if o["type"] == "relationship"]


@given(st.lists(any_claim(), min_size=1, max_size=4, unique_by=lambda c: c.terms.claim_id))
@settings(max_examples=25, deadline=None)
def test_any_bundle_is_sound(claims):
    assert problems(bundle([to_stix(claim) for claim in claims])) == []


def test_an_object_given_twice_is_in_it_once(tmp_path):
    path = tmp_path / "claims.json"
    count = write_bundle(path, [OBJECTS[0], OBJECTS[0]], edges=False)
    written = json.loads(path.read_text())
    assert count == len(written["objects"]) == 4


def test_others_objects_go_in_as_they_are():
    other = {"type": "url", "id": "url--c0d1e2f3-0001-5000-8000-000000000001", "value": "x"}
    assert other in bundle([other])["objects"]


def test_nothing_and_broken_claims_are_errors(tmp_path):
    with pytest.raises(InputError, match="nothing"):
        bundle([])
    broken = json.loads(json.dumps(OBJECTS[0]))
    broken["extensions"][CLAIM]["fields"]["fdr"] = 0.123
    with pytest.raises(InputError, match=r"fields.fdr"):
        bundle([broken])
    with pytest.raises(InputError, match="cannot be written"):
        write_bundle(tmp_path / "no" / "where.json", OBJECTS)
