import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from stillwatch.domain.claim import Claim
from stillwatch.intel.exports.items import Said
from stillwatch.intel.exports.ocsf import FOUND, finding, write
from tests.claims import any_claim
from tests.exporting import item, items, said

_TIME = {"type": "integer", "minimum": 0}
_NAMED = {"required": ["uid", "name"], "properties": {"src_url": {"pattern": "^https://"}}}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": [
        "activity_id", "category_uid", "class_uid", "type_uid", "time", "severity_id",
        "metadata", "finding_info",
    ],
    "properties": {
        "activity_id": {"enum": [0, 1, 2, 3, 99]},
        "category_uid": {"const": 2},
        "class_uid": {"const": 2004},
        "type_uid": {"enum": [200400, 200401, 200402, 200403, 200499]},
        "time": _TIME,
        "start_time": _TIME,
        "end_time": _TIME,
        "severity_id": {"enum": [0, 1, 2, 3, 4, 5, 6, 99]},
        "confidence_id": {"enum": [0, 1, 2, 3, 99]},
        "confidence_score": {"type": "integer", "minimum": 0, "maximum": 100},
        "status_id": {"enum": [0, 1, 2, 3, 4, 5, 99]},
        "is_alert": {"type": "boolean"},
        "metadata": {
            "required": ["version", "product"],
            "properties": {
                "version": {"pattern": r"^\d+\.\d+\.\d+$"},
                "product": {"required": ["name", "vendor_name"]},
                "modified_time": _TIME,
                "labels": {"type": "array", "items": {"type": "string"}},
            },
        },
        "finding_info": {
            "required": ["uid", "title"],
            "properties": {
                "uid": {"type": "string", "minLength": 1},
                "title": {"type": "string", "minLength": 1},
                "created_time": _TIME,
                "modified_time": _TIME,
                "first_seen_time": _TIME,
                "last_seen_time": _TIME,
                "types": {"type": "array", "items": {"type": "string"}},
                "analytic": {
                    "required": ["type_id", "uid", "name"],
                    "properties": {"type_id": {"enum": [0, 1, 2, 3, 4, 99]}},
                },
                "attacks": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "required": ["technique"],
                        "properties": {"technique": _NAMED, "sub_technique": _NAMED},
                    },
                },
            },
        },
        "unmapped": {"type": "object"},
    },
}  # fmt: skip
"""Required attributes and enumerations of OCSF 1.5.0: events/findings/detection_finding.json with
what it extends, objects/finding_info.json, metadata.json, product.json, analytic.json, attack.json."""


@given(any_claim().filter(lambda claim: type(claim).__name__[:-5].lower() in FOUND))
def test_every_finding_has_what_ocsf_requires(claim: Claim) -> None:
    made = json.loads(json.dumps(finding(Said(item(claim), claim))))
    Draft202012Validator(SCHEMA).validate(made)
    assert made["type_uid"] == made["class_uid"] * 100 + made["activity_id"]


def test_only_what_was_found_is_a_finding_and_the_rest_is_counted(tmp_path: Path) -> None:
    written, stays = write(tmp_path / "f.jsonl", items())
    lines = (tmp_path / "f.jsonl").read_text().splitlines()
    kinds = {json.loads(line)["unmapped"]["kind"] for line in lines}
    assert (written, kinds) == (4, FOUND)
    assert sum(stays.values()) == 5


@pytest.mark.parametrize(
    ("weight", "severity"), [(0.0, 1), (0.24, 1), (0.25, 2), (0.5, 3), (0.75, 4), (1.0, 4)]
)
def test_severity_follows_what_the_claim_counts_here(weight: float, severity: int) -> None:
    assert finding(said("campaign", weight=weight))["severity_id"] == severity


def test_a_claim_that_holds_no_more_closes_its_finding() -> None:
    made = finding(said("campaign", state="expired", weight=0.0))
    assert (made["activity_id"], made["status_id"], made["is_alert"]) == (3, 4, False)
    assert finding(said("campaign", state="disputed"))["status_id"] == 2


def test_a_change_of_standing_is_another_event_of_the_same_finding() -> None:
    before = finding(said("campaign"))
    after = finding(said("campaign", changed=datetime(2027, 1, 1, tzinfo=UTC), state="disputed"))
    assert before["metadata"]["uid"] != after["metadata"]["uid"]
    assert before["finding_info"]["uid"] == after["finding_info"]["uid"]


def test_sub_labels_of_ours_are_not_passed_off_as_atlas() -> None:
    made = finding(said("campaign"))
    (attack,) = made["finding_info"]["attacks"]
    assert attack["technique"]["uid"] == "AML.T0024"
    assert attack["sub_technique"]["uid"] == "AML.T0024.002"
    assert "stillwatch.trace-elicitation" in made["unmapped"]["fields"]["techniques"]
