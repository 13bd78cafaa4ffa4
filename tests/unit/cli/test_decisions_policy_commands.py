"""``decisions apply``, ``simulate``, ``arm`` and ``policy check``, as a person types them."""

import json
import random
import stat
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import Result
from typer.testing import CliRunner

from stillwatch import cli
from stillwatch.__main__ import main
from stillwatch.errors import ConfigError, InputError, StoredDataError
from stillwatch.report.result import write_result
from tests.logfiles import requests_of, write_jsonl

ACCOUNTS, FLAGGED = 5000, 40
"""A small share of the log, as at a provider."""


@pytest.fixture
def result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    monkeypatch.setenv("STILLWATCH_STORE", str(tmp_path / "lab.db"))
    folder = request.config.rootpath / "tests" / "unit" / "report"
    monkeypatch.syspath_prepend(str(folder))
    import report_samples

    made = report_samples.sample(flagged=FLAGGED, campaigns=2, others=ACCOUNTS - FLAGGED, seed=3)
    write_result(tmp_path / "out", *made)
    return tmp_path / "out"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli.app, ["decisions", *map(str, arguments)])


def told(*arguments: object) -> Any:
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def listed(*arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = told("list", *arguments)["decisions"]
    return found


def records(folder: Path, result: Path) -> Path:
    """Records of everyone: every fourth is an enterprise."""
    names = pq.read_table(result / "accounts.parquet")["account_id"].to_pylist()
    paths = [("self_serve", "enterprise")[n % 4 == 0] for n in range(len(names))]
    path = folder / "accounts.parquet"
    pq.write_table(pa.table({"account_id": names, "access_path": paths}), path)
    return path


def test_a_dry_run_then_the_deed_then_nothing_new(result: Path) -> None:
    would = told("apply", "--from", result, "--by", "ann", "--dry-run")
    assert listed() == []
    did = told("apply", "--from", result, "--by", "ann")
    assert did["accounts"] == would["accounts"]
    assert sum(did["accounts"].values()) == FLAGGED
    assert {one["origin"] for one in listed()} == {"policy:standard"}
    again = told("apply", "--from", result, "--by", "ann")
    made, held = did["accounts"]["made"], did["accounts"]["held"]
    assert again["accounts"] == {"standing": made, "waiting": held}  # a lot of traffic, see guards


def test_account_records_decide_as_well(result: Path, tmp_path: Path) -> None:
    did = told("apply", "--from", result, "--accounts", records(tmp_path, result), "--by", "ann")
    by = {(row["population"], row["outcome"]) for row in did["by_population"]}
    assert ("enterprise", "held") in by
    assert ("enterprise", "made") not in by
    said = run("apply", "--from", result, "--accounts", records(tmp_path, result), "--by", "ann")
    assert "waiting: held already" in said.output


def test_shadow_then_arm(result: Path) -> None:
    shadow = told("apply", "--from", result, "--by", "ann", "--shadow")
    assert all(one["shadow"] for one in listed())
    assert run("arm", "--by", "ann").exit_code != 0  # nobody arms without a reason
    armed = told("arm", "--by", "ann", "--reason", "looked at all of them")
    assert len(armed["armed"]) + len(armed["held"]) == shadow["decisions"]["made"]
    assert armed["armed"]
    assert not any("shadow" in one for one in listed())


@pytest.mark.usefixtures("result")
def test_where_screening_found_nobody_there_is_nothing_to_decide(tmp_path: Path) -> None:
    leads = tmp_path / "leads.jsonl"
    leads.write_text("", encoding="utf-8")
    did = told("apply", "--leads", leads)
    assert (did["cases"], did["decisions"]) == (0, {})
    assert listed() == []


@pytest.mark.usefixtures("result")
def test_leads_alone_challenge_at_most(tmp_path: Path) -> None:
    lead = {
        "subject": "new-1", "screened": True, "step": "restrict", "weight": 0.9,
        "why": ["two labs list its card"], "ignored": {},
        "evidence": [{
            "kind": "card", "publisher": f"identity--{n}", "claim": f"threat-actor--{n}",
            "actor": "hydra", "standing": "current", "first_seen": "2026-10-01",
            "last_seen": "2026-11-01", "expires": "2027-01-01", "confidence": 90,
            "tactic": "harvest", "epoch": "e", "weight": 0.6, "why": [],
        } for n in range(2)],
    }  # fmt: skip
    leads = tmp_path / "leads.jsonl"
    leads.write_text(json.dumps(lead) + "\n", encoding="utf-8")
    did = told("apply", "--leads", leads, "--by", "ann")
    assert did["by_population"] == [
        {"population": "unknown", "outcome": "made", "effect": "challenge", "accounts": 1}
    ]
    leads.write_text('{"subject": "x"}\n', encoding="utf-8")
    failed = run("apply", "--leads", leads)
    assert isinstance(failed.exception, InputError)
    assert "leads.jsonl, line 1 is no lead" in str(failed.exception)


def test_a_trial_keeps_nothing_and_writes_its_files(result: Path, tmp_path: Path) -> None:
    names = pq.read_table(result / "accounts.parquet")["account_id"].to_pylist()
    rng = random.Random(1)
    labels = tmp_path / "labels.parquet"
    kinds = [rng.choice(["benign", "distillation"]) for _ in names]
    pq.write_table(pa.table({"account_id": names, "label": kinds}), labels)
    out = tmp_path / "sim"
    done = told("simulate", "--from", result, "--labels", labels, "--out", out)
    assert not (tmp_path / "lab.db").exists()
    assert done["accounts"] == ACCOUNTS
    innocent = next(one for one in done["truth"] if one["kind"] == "all innocent")
    assert innocent["refused"]["of"] == kinds.count("benign")
    rows = [json.loads(line) for line in (out / "touched.jsonl").read_text().splitlines()]
    assert len(rows) == FLAGGED
    assert json.loads((out / "simulation.json").read_text())["policy"] == "standard"
    assert "would have been refused" in (out / "simulation.html").read_text()
    said = run("simulate", "--from", result, "--labels", labels).output
    assert "of accounts" in said
    assert "all innocent" in said


def test_a_trial_beside_what_stands(result: Path, tmp_path: Path) -> None:
    first = told("apply", "--from", result, "--by", "ann")
    name = listed()[0]["id"]
    run("lift", name, "--by", "ann", "--reason", "a class")
    done = told("simulate", "--from", result, "--store", tmp_path / "lab.db")
    by = {row["name"]: row for row in done["by_effect"]}
    assert by["spared"]["accounts"]["spared"] > 0
    assert len(listed("--state", "all")) == sum(first["decisions"].values())


def test_logs_are_detected_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    log = write_jsonl(tmp_path / "log.jsonl", requests_of())
    done = told("simulate", "--from", log, "--policy", "cautious", "--out", tmp_path / "sim")
    assert done["policy"] == "cautious"
    assert (tmp_path / "sim" / "result" / "summary.json").exists()


def test_a_policy_is_checked(tmp_path: Path, result: Path) -> None:
    assert told("policy", "check", "standard")["rules"][0]["name"] == "agreed-use"
    assert "no fault" in run("policy", "check", "cautious").output
    broken = tmp_path / "mine.yaml"
    broken.write_text("name: mine\nrule: []\n", encoding="utf-8")
    failed = run("policy", "check", broken)
    assert isinstance(failed.exception, ConfigError)
    assert "'rule' is not known, did you mean 'rules'?" in str(failed.exception)
    assert isinstance(run("apply", "--from", result, "--policy", broken).exception, ConfigError)
    assert not (tmp_path / "lab.db").exists()  # nothing is opened for a policy that is none


def test_what_cannot_be_read_is_said(tmp_path: Path, result: Path) -> None:
    assert isinstance(run("apply").exception, InputError)
    assert isinstance(run("apply", "--from", tmp_path / "none").exception, StoredDataError)
    (result / "findings.jsonl").write_text("{}\n", encoding="utf-8")
    assert isinstance(run("apply", "--from", result).exception, StoredDataError)


def test_the_store_is_for_its_owner_alone(result: Path, tmp_path: Path) -> None:
    told("apply", "--from", result, "--by", "ann")
    assert stat.S_IMODE((tmp_path / "lab.db").stat().st_mode) == 0o600


def test_an_error_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["stillwatch", "decisions", "policy", "check", "/none.yaml"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
