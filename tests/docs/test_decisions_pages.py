"""The pages about decisions: the how-to runs, and the schema is what the code takes."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from typer.testing import CliRunner

from stillwatch.cli import app
from stillwatch.domain.decision import Decision
from tests.docs.reading import ROOT, blocks, transcripts
from tests.unit.domain.test_decision import SAID, decisions

HOW_TO = ROOT / "docs" / "how-to" / "decide-and-undo.md"
PAGE = ROOT / "docs" / "reference" / "decisions.md"
SCHEMA = json.loads((ROOT / "docs" / "reference" / "decision.json").read_text())
CHECK = jsonschema.Draft202012Validator(SCHEMA)


def test_the_how_to_runs_in_order_and_prints_what_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STILLWATCH_STORE", "share.db")
    (table,) = (text for language, text in blocks(HOW_TO) if language == "csv")
    Path("caught.csv").write_text(table)
    ran = transcripts(HOW_TO)
    assert len(ran) >= 7
    for command, shown in ran:
        result = CliRunner().invoke(app, command.words[1:])
        assert result.exit_code == 0, (command.line, result.output, result.exception)
        said = re.sub(r" +", " ", result.stdout)
        assert [line for line in shown if re.sub(r" +", " ", line) not in said] == []


def test_the_example_is_a_decision_and_follows_the_schema() -> None:
    (text,) = (text for language, text in blocks(PAGE) if language == "json")
    said = json.loads(text)
    CHECK.validate(said)
    assert Decision.of(said).record() == said


@given(decisions())
def test_every_decision_follows_the_schema(one: Decision) -> None:
    CHECK.validate(one.record())


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "decision--1"}, {"effect": "ban"}, {"scope": "planet"}, {"value": ""},
        {"value": "a\nb"}, {"reason": ""}, {"evidence": ["x"] * 65}, {"made": -1},
        {"made": "now"}, {"until": 253_402_300_800}, {"effect": "throttle"},
        {"rate": {"per_minute": 1}}, {"members": ["a"]}, {"cohort": ""}, {"evidence": "case:1"},
        {"effect": "throttle", "rate": {"per_minute": 0}}, {"effect": "throttle", "rate": {}},
    ],
)  # fmt: skip
def test_what_the_code_refuses_the_schema_refuses(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Decision.of(SAID | changes)
    with pytest.raises(jsonschema.ValidationError):
        CHECK.validate(SAID | changes)


def test_the_page_has_every_member_and_no_other() -> None:
    text = PAGE.read_text(encoding="utf-8").partition("\n| Member |")[2].partition("\n\n")[0]
    told = {
        name for line in text.splitlines() for name in re.findall(r"`(\w+)`", line.split("|")[1])
    }
    assert told == set(SCHEMA["properties"])
