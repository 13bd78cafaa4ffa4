import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from stillwatch.domain.claim import Claim, TagsClaim
from stillwatch.errors import InputError
from stillwatch.intel.exports.items import Said
from stillwatch.intel.exports.misp import event, write
from tests.claims import any_claim, examples
from tests.exporting import item, items, said

_SECONDS = {"type": "string", "pattern": r"^\d{1,10}$"}
_UUID = {"type": "string", "pattern": "^[0-9a-f-]{36}$"}
_TAG = {
    "required": ["name", "colour"],
    "properties": {"name": {"type": "string"}, "colour": {"pattern": "^#[0-9a-f]{6}$"}},
}
_CATEGORIES = {
    "campaign-name": "Attribution", "campaign-id": "Attribution", "threat-actor": "Attribution",
    "AS": "Network activity", "text": "Other", "comment": "Other",
    "sigma": "Payload installation",
}  # fmt: skip
"""Types and categories that go together in MISP's describeTypes."""
SCHEMA: dict[str, Any] = {
    "required": [
        "uuid", "info", "date", "threat_level_id", "analysis", "timestamp", "publish_timestamp",
        "published", "Orgc", "Tag", "Attribute",
    ],
    "properties": {
        "uuid": _UUID,
        "info": {"type": "string", "minLength": 1},
        "date": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d$"},
        "threat_level_id": {"enum": ["1", "2", "3", "4"]},
        "analysis": {"enum": ["0", "1", "2"]},
        "distribution": {"enum": ["0", "1", "2", "3", "5"]},
        "timestamp": _SECONDS,
        "publish_timestamp": _SECONDS,
        "published": {"type": "boolean"},
        "Orgc": {"required": ["name", "uuid"], "properties": {"uuid": _UUID}},
        "Tag": {"type": "array", "minItems": 1, "items": _TAG},
        "Attribute": {
            "type": "array",
            "minItems": 1,
            "items": {
                "required": ["uuid", "category", "type", "value", "to_ids", "timestamp", "comment"],
                "properties": {
                    "uuid": _UUID,
                    "type": {"enum": sorted(_CATEGORIES)},
                    "value": {"type": "string", "minLength": 1},
                    "to_ids": {"const": False},
                    "deleted": {"type": "boolean"},
                    "disable_correlation": {"type": "boolean"},
                    "timestamp": _SECONDS,
                },
            },
        },
    },
}  # fmt: skip
"""What the MISP core format (draft-dulaunoy-misp-core-format) asks of an event in a feed."""


@given(any_claim())
def test_every_event_has_what_the_format_asks(claim: Claim) -> None:
    if claim.terms.tlp == "red" or isinstance(claim, TagsClaim):
        return
    made = json.loads(json.dumps(event(Said(item(claim), claim))))
    Draft202012Validator(SCHEMA).validate(made)
    for attribute in made["Attribute"]:
        assert attribute["category"] == _CATEGORIES[attribute["type"]]
        assert attribute["deleted"] is claim.terms.revoked
    assert len({one["uuid"] for one in made["Attribute"]}) == len(made["Attribute"])


def test_manifest_events_and_hashes_agree(tmp_path: Path) -> None:
    written, stays = write(tmp_path / "feed", items())
    manifest = json.loads((tmp_path / "feed" / "manifest.json").read_bytes())
    assert (written, len(manifest), dict(stays)) == (
        8,
        8,
        {"tags claims have no place in this format": 1},
    )
    hashed = {tuple(line.split(",")) for line in _lines(tmp_path / "feed" / "hashes.csv")}
    for name, entry in manifest.items():
        made = json.loads((tmp_path / "feed" / f"{name}.json").read_bytes())["Event"]
        assert UUID(name) == UUID(made["uuid"])
        for same in ("info", "date", "timestamp", "analysis", "threat_level_id", "Orgc"):
            assert entry[same] == made[same]
        for attribute in made["Attribute"]:
            digest = hashlib.md5(attribute["value"].encode(), usedforsecurity=False).hexdigest()
            assert (digest, name) in hashed


def test_a_new_version_updates_its_event_with_a_later_timestamp() -> None:
    old, new = (
        event(said("campaign", changed=at))
        for at in (None, datetime(2027, 3, 1, tzinfo=UTC))
    )  # fmt: skip
    assert old["uuid"] == new["uuid"]
    assert [a["uuid"] for a in old["Attribute"]] == [a["uuid"] for a in new["Attribute"]]
    assert int(new["timestamp"]) > int(old["timestamp"])


def test_what_holds_no_more_is_told_as_deleted_and_cannot_be_looked_up(tmp_path: Path) -> None:
    write(tmp_path / "feed", [item(examples()["campaign"], state="expired")])
    (made,) = _events(tmp_path / "feed")
    assert all(attribute["deleted"] for attribute in made["Attribute"])
    assert _lines(tmp_path / "feed" / "hashes.csv") == []
    assert 'stillwatch:state="expired"' in [tag["name"] for tag in made["Tag"]]


def test_an_event_that_is_no_longer_exported_leaves_the_folder(tmp_path: Path) -> None:
    write(tmp_path / "feed", items())
    (tmp_path / "feed" / "README").write_text("kept")
    write(tmp_path / "feed", items()[:2])
    assert len(_events(tmp_path / "feed")) == 2
    assert (tmp_path / "feed" / "README").read_text() == "kept"


@pytest.mark.parametrize(
    "manifest",
    [
        b"{",
        b"[]",
        b'{"../../etc/passwd": {"Tag": [{"name": "stillwatch:kind"}]}}',
        b'{"0b2e9a34-4b5c-4c7a-9f6e-3d1b2a4c5e6f": {"Tag": [{"name": "type:OSINT"}]}}',
        b'{"0b2e9a34-4b5c-4c7a-9f6e-3d1b2a4c5e6f": 3}',
    ],
)
def test_another_feed_is_not_written_over(tmp_path: Path, manifest: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(manifest)
    with pytest.raises(InputError, match="another feed"):
        write(tmp_path, items())
    assert [file.name for file in tmp_path.iterdir()] == ["manifest.json"]


def _events(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(f.read_bytes())["Event"] for f in folder.glob("????????-*.json")]


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines()
