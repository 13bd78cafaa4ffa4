"""The pages on claims: examples are valid and equal to what the code writes; the how-to runs."""

import contextlib
import io
import json

import pytest

from stillwatch.intel.ids import CLAIM, TYPES
from stillwatch.intel.policy import check_claim
from stillwatch.intel.policy.load import shipped
from stillwatch.intel.policy.narrow import read_narrowing
from stillwatch.intel.stix import from_stix, to_stix
from tests.claims import TODAY, examples
from tests.docs.reading import ROOT, blocks
from tests.stixcheck import problems

REFERENCE = ROOT / "docs" / "reference"
HOW_TO = ROOT / "docs" / "how-to" / "what-leaves-the-house.md"
SHOWN = [json.loads(text) for language, text in blocks(REFERENCE / "stix.md") if language == "json"]


def test_every_kind_has_an_example():
    claims = [obj for obj in SHOWN if CLAIM in obj.get("extensions", {})]
    assert [obj["type"] for obj in claims] == list(TYPES.values())


@pytest.mark.parametrize("obj", SHOWN, ids=lambda obj: obj["type"])
def test_an_example_is_valid(obj):
    assert problems(obj) == []


@pytest.mark.parametrize("kind", TYPES)
def test_an_example_is_what_the_code_writes(kind):
    obj = next(obj for obj in SHOWN if obj.get("extensions", {}).get(CLAIM, {}).get("kind") == kind)
    assert from_stix(obj) == examples()[kind]
    assert to_stix(examples()[kind]) == obj
    assert check_claim(obj, today=TODAY) == []


def test_every_field_is_in_both_pages():
    for page in ("stix.md", "policy.md"):
        text = (REFERENCE / page).read_text(encoding="utf-8")
        for kind in shipped().kinds.values():
            section = text.partition(f"\n## {kind.name}\n")[2].partition("\n## ")[0]
            for field in kind.fields.values():
                assert f"| `{field.name}` |" in section or f"| `{field.property}` |" in section


def test_the_how_to_has_every_kind():
    text = HOW_TO.read_text(encoding="utf-8")
    assert all(f"\n| {kind} |" in text for kind in TYPES)


def test_the_how_to_runs(tmp_path, monkeypatch):
    found = dict(blocks(HOW_TO))
    (tmp_path / "policy.yaml").write_text(found["yaml"], encoding="utf-8")
    assert read_narrowing(tmp_path / "policy.yaml").longest_days == 180
    monkeypatch.chdir(tmp_path)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(found["python"], str(HOW_TO), "exec"), {})
    assert "only claims may be here" in said.getvalue()
