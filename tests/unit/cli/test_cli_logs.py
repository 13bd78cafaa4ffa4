import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stillwatch.cli import app
from stillwatch.errors import TooManyBadRows, UnknownFormat

SAMPLES = Path(__file__).parents[3] / "examples" / "logs"


def check(*arguments: str, catch: bool = False):
    return CliRunner().invoke(app, ["logs", "check", *arguments], catch_exceptions=catch)


def test_it_says_what_a_log_holds():
    result = check(str(SAMPLES / "otel.jsonl"))
    assert result.exit_code == 0
    assert "otel.jsonl: otel" in result.stdout
    assert "12 rows, 0 bad, 4 accounts" in result.stdout
    assert "2026-03-02 08:15:04 to 2026-03-02 08:32:51 UTC" in result.stdout
    assert "span of no model request (1)" in result.stdout
    assert "prompt              100.0%" in result.stdout


def test_json_and_mapping():
    result = check(
        str(SAMPLES / "odd_layout.csv"), "--mapping", str(SAMPLES / "mapping.toml"), "--json"
    )
    told = json.loads(result.stdout)
    assert (told["rows"], told["bad"], told["verdict"]) == (12, 0, None)
    assert told["mapping"]["account_id"] == "Customer"
    assert told["coverage"]["client_ip"] == 1.0


def test_over_the_limit_it_still_shows_everything(tmp_path):
    good = (SAMPLES / "canonical.jsonl").read_text()
    path = tmp_path / "a.jsonl"
    path.write_text(good + "not json\n" + '{"event_id": "x"}\n')
    out = tmp_path / "bad.jsonl"
    with pytest.raises(TooManyBadRows, match="2 of 14"):
        check(str(path), "--quarantine", str(out))
    result = check(str(path), "--quarantine", str(out), catch=True)
    assert "14 rows, 2 bad" in result.stdout
    assert "line 13: not JSON" in result.stdout
    assert len(out.read_text().splitlines()) == 2
    assert check(str(path), "--bad-row-limit", "0.2").exit_code == 0


def test_an_unknown_format_is_an_error():
    with pytest.raises(UnknownFormat):
        check(str(SAMPLES / "odd_layout.csv"))
