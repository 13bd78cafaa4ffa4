import json
import sys

import pytest
from typer.testing import CliRunner

from stillwatch import cli
from stillwatch.__main__ import main
from stillwatch.errors import InputError, StoredDataError
from stillwatch.report.result import read_result, write_result


@pytest.fixture
def samples(monkeypatch, request):
    folder = request.config.rootpath / "tests" / "unit" / "report"
    monkeypatch.syspath_prepend(str(folder))
    import report_samples

    return report_samples


@pytest.fixture
def out(tmp_path, samples):
    write_result(tmp_path / "out", *samples.sample())
    return tmp_path / "out"


def run(*arguments):
    return CliRunner().invoke(cli.app, ["explain", *map(str, arguments)])


def test_a_flagged_account_is_explained(out):
    account = read_result(out).flagged[0]
    answer = run(account.account_id, "--from", out)
    assert answer.exit_code == 0
    assert "flagged, p = " in answer.output
    assert "what would make it innocent" in answer.output


def test_json_is_the_line_of_the_findings_file(out):
    first = (out / "findings.jsonl").read_text().splitlines()[0]
    answer = run(json.loads(first)["campaign_id"], "--from", out, "--json")
    assert json.loads(answer.output) == json.loads(first)


def test_json_of_an_account_that_was_not_flagged(out):
    record = json.loads(run("user_0000001", "--from", out, "--json").output)
    assert record["flagged"] is False
    assert record["account_id"] == "user_0000001"


def test_an_unknown_id_names_the_closest(out):
    answer = run("user_000000a", "--from", out)
    assert isinstance(answer.exception, InputError)
    assert "closest: user_0000000" in str(answer.exception)


def test_a_directory_without_a_result_is_named(tmp_path):
    answer = run("a", "--from", tmp_path)
    assert isinstance(answer.exception, StoredDataError)


def test_an_error_is_one_line_on_stderr(out, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["stillwatch", "explain", "nobody", "--from", str(out)])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert exit_.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith("stillwatch: no account or campaign 'nobody'")
