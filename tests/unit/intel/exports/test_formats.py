import json
from pathlib import Path

import pytest

from stillwatch.domain.claim import Tlp
from stillwatch.errors import ConfigError, EmptyInput
from stillwatch.intel.exports.formats import FORMATS, export
from stillwatch.intel.exports.items import Item
from tests.claims import examples
from tests.exporting import item, items, marked
from tests.stixcheck import problems


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_red_is_in_no_file(name: str, tmp_path: Path) -> None:
    red = marked("campaign", number=9, tlp=Tlp.RED)
    outcome = export(name, tmp_path / "out", [*items(), red])
    assert outcome.stays["marked TLP:RED"] == 1
    files = [f for f in tmp_path.rglob("*") if f.is_file()]
    assert files
    for file in files:
        assert red.obj["id"].encode() not in file.read_bytes()


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_nothing_to_export_is_an_error_that_says_why(name: str, tmp_path: Path) -> None:
    with pytest.raises(EmptyInput, match="1: marked TLP:RED"):
        export(name, tmp_path / "out", [marked(tlp=Tlp.RED)])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_second_export_repeats_the_first(name: str, tmp_path: Path) -> None:
    told = []
    for _ in range(2):
        export(name, tmp_path / "out", items())
        told.append({f.name: f.read_bytes() for f in tmp_path.rglob("*") if f.is_file()})
    if name == "stix":  # a bundle has a new id each time
        first, second = (json.loads(files["out"])["objects"] for files in told)
        assert first == second
    else:
        assert told[0] == told[1]


def test_an_unknown_format_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="csv, misp, ocsf, stix"):
        export("pdf", tmp_path / "out", items())


def test_the_bundle_keeps_others_objects_and_counts_what_only_pretends(tmp_path: Path) -> None:
    broken = item(examples()["campaign"])
    broken.obj["confidence"] = "high"
    plain = Item({"type": "domain-name", "spec_version": "2.1", "value": "example.org",
                  "id": "domain-name--8f1d2a3e-0b5c-4c7a-9f6e-3d1b2a4c5e6f"})  # fmt: skip
    outcome = export("stix", tmp_path / "b.json", [broken, plain, item(examples()["verdict"])])
    bundle = json.loads((tmp_path / "b.json").read_bytes())
    assert (outcome.written, sum(outcome.stays.values())) == (2, 1)
    assert plain.obj in bundle["objects"]


def test_the_bundle_passes_the_oasis_validator(tmp_path: Path) -> None:
    export("stix", tmp_path / "b.json", [item(c) for k, c in examples().items() if k != "rule"])
    assert problems(json.loads((tmp_path / "b.json").read_bytes())) == []
