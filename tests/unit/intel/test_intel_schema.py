"""The shipped JSON Schemas are what the policy makes, sound, and never stricter than it."""

import json
from importlib.resources import files

import jsonschema
import pytest
from hypothesis import given, settings

from stillwatch.crypto.keys import SigningKey
from stillwatch.intel import schema
from stillwatch.intel.ids import CLAIM, TYPES
from stillwatch.intel.policy import check_claim
from stillwatch.intel.signed import sign
from stillwatch.intel.stix import to_stix
from tests import policycorpus
from tests.claims import TODAY, any_claim

KEY = SigningKey.from_seed(bytes(range(32)))


@pytest.mark.parametrize("kind", TYPES)
def test_the_shipped_file_is_what_the_policy_makes(kind):
    path = files("stillwatch.intel") / "schemas" / f"{kind}.json"
    assert path.read_text("utf-8") == schema.text(kind), "run `make docs`"
    jsonschema.Draft202012Validator.check_schema(schema.make(kind))


@given(any_claim())
@settings(deadline=None)
def test_every_lawful_claim_fits(claim):
    assert schema.problem(json.loads(json.dumps(sign(to_stix(claim), KEY)))) is None


def test_the_schema_refuses_nothing_that_the_policy_lets_pass():
    refused = 0
    for payload in policycorpus.load("forbidden"):
        obj = payload.object
        if (
            obj is None
            or obj.get("type") not in TYPES.values()
            or CLAIM not in obj.get("extensions", {})
        ):
            continue
        problem = schema.problem(obj)
        refused += problem is not None
        assert problem is None or check_claim(obj, today=TODAY)
    assert refused > 80


def test_a_problem_names_the_place():
    obj = policycorpus.load("lawful")[0].object
    obj["extensions"][CLAIM]["fields"]["motivation"] = "tell me a joke"
    assert schema.problem(obj) == "fields.motivation breaks enum of the schema of actor"
    assert schema.problem({**obj, "type": "malware"}) == "type is none in which claims travel"
