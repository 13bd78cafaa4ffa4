"""The detect command: what it prints, and one line, an exit code and nothing left for mistakes."""

import json
import sys
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from stillwatch import cli
from stillwatch.__main__ import main
from stillwatch.profiles.store import write_profiles
from tests.logfiles import contents, requests_of, write_jsonl
from tests.profiling import profiled


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write_jsonl(tmp_path / "log.jsonl", requests_of())


def said(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    """Exit code and standard error of a command that fails."""
    monkeypatch.setattr(sys, "argv", ["stillwatch", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    output = capsys.readouterr()
    assert output.out == ""
    code = stopped.value.code
    assert isinstance(code, int)
    return code, output.err


def test_it_writes_a_result_and_says_where(log: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = CliRunner().invoke(cli.app, ["detect", str(log), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "120 requests" in done.stdout
    assert contents(out) == [
        "accounts.parquet", "campaigns.parquet", "findings.jsonl", "report.html", "summary.json",
            "suspects.json",
    ]  # fmt: skip


def test_json_is_the_summary_and_nothing_else(log: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = CliRunner().invoke(cli.app, ["detect", str(log), "--out", str(out), "--json"])
    told = json.loads(done.stdout)
    assert (told["events"], told["accounts"], told["quarantined"]) == (120, 12, 0)
    assert told["fdr"] == 0.05
    assert told["unseen"]
    assert done.stderr == ""


def test_fdr_overrides_the_settings(log: Path, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text("[detection]\nfdr = 0.2\n")
    base = ["detect", str(log), "--out", str(tmp_path / "out"), "--json"]
    runs = [[], ["--config", str(tmp_path / "s.toml")]]
    runs.append([*runs[1], "--fdr", "0.3"])
    told = [json.loads(CliRunner().invoke(cli.app, [*base, *more]).stdout)["fdr"] for more in runs]
    assert told == [0.05, 0.2, 0.3]


def test_quarantined_rows_are_counted_and_kept(log: Path, tmp_path: Path) -> None:
    with log.open("a") as file:
        file.write('{"event_id": "x"}\n')
    done = CliRunner().invoke(cli.app, ["detect", str(log), "--out", str(tmp_path / "o"), "--json"])
    assert json.loads(done.stdout)["quarantined"] == 1
    kept = [
        orjson.loads(line) for line in (tmp_path / "o/quarantine.jsonl").read_bytes().splitlines()
    ]
    assert [row["line"] for row in kept] == [121]


def prepare(tmp_path: Path, log: Path) -> dict[str, str]:
    """Everything the failing commands name."""
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "prose.txt").write_text("Dear diary,\nthis is no log.\n")
    (tmp_path / "picture.bin").write_bytes(bytes(range(256)) * 40)
    (tmp_path / "bad.toml").write_text("[detection]\nfrd = 0.1\n")
    (tmp_path / "taken").touch()
    pq.write_table(pa.table({"x": [1]}), tmp_path / "other.parquet")
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "other.parquet").read_bytes()[:100])
    (tmp_path / "twice.csv").write_text("account_id,email\na,x@y.example\nb,\na,z@y.example\n")
    (tmp_path / "broken.jsonl").write_text(log.read_text() + "no json\n" * 30)
    write_profiles(profiled(requests_of()), tmp_path / "old.parquet")
    table = pq.read_table(tmp_path / "old.parquet")
    key = b"stillwatch.profiles"
    meta = {**orjson.loads(table.schema.metadata[key]), "version": 99}
    pq.write_table(
        table.replace_schema_metadata({key: orjson.dumps(meta)}), tmp_path / "old.parquet"
    )
    return {path.stem: str(path) for path in tmp_path.iterdir()}


MISTAKES = {
    "missing file": (["{log}", "nowhere.jsonl"], 2, "nowhere.jsonl"),
    "empty file": (["{empty}"], 2, "empty.jsonl"),
    "prose": (["{prose}"], 2, "prose.txt"),
    "binary": (["{picture}"], 2, "picture.bin"),
    "foreign table": (["{other}"], 2, "other.parquet"),
    "cut table": (["{cut}"], 2, "cut.parquet"),
    "unknown format": (["{log}", "--format", "jsnol"], 2, "jsnol"),
    "setting": (["{log}", "--config", "{bad}"], 2, "did you mean 'fdr'"),
    "no settings": (["{log}", "--config", "none.toml"], 2, "none.toml"),
    "no mapping": (["{log}", "--mapping", "none.toml"], 2, "none.toml"),
    "fdr 2": (["{log}", "--fdr", "2"], 2, "between 0 and 1"),
    "fdr 0": (["{log}", "--fdr", "0"], 2, "between 0 and 1"),
    "fdr nan": (["{log}", "--fdr", "nan"], 2, "between 0 and 1"),
    "out is a file": (["{log}", "--out", "{taken}"], 2, "is a file"),
    "out below a file": (["{log}", "--out", "{taken}/x"], 2, "is a file"),
    "other version": (["{old}"], 2, "profile the logs again"),
    "other version as baseline": (["{log}", "--baseline", "{old}"], 2, "profile the logs again"),
    "missing baseline": (["{log}", "--baseline", "nowhere"], 2, "nowhere"),
    "missing accounts": (["{log}", "--accounts", "nowhere.csv"], 2, "nowhere.csv"),
    "accounts listed twice": (["{log}", "--accounts", "{twice}"], 2, "listed twice"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_and_leaves_nothing(
    mistake: str,
    log: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments, expected, words = MISTAKES[mistake]
    files = prepare(tmp_path, log)
    monkeypatch.chdir(tmp_path)
    before = contents(tmp_path)
    given = [argument.format(**files) for argument in arguments]
    out = [] if "--out" in given else ["--out", "result"]
    code, told = said(["detect", *given, *out], monkeypatch, capsys)
    assert code == expected, told
    assert told.startswith("stillwatch: ")
    assert told.count("\n") == 1, told
    assert words in told
    assert contents(tmp_path) == before


def test_too_many_bad_rows_have_an_exit_code_of_their_own(
    log: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    files = prepare(tmp_path, log)
    out = tmp_path / "out"
    code, told = said(["detect", files["broken"], "--out", str(out)], monkeypatch, capsys)
    assert code == 3
    assert told.count("\n") == 1
    assert "30 of 150 rows cannot be used" in told
    assert contents(out) == ["quarantine.jsonl"], "the bad rows, for a look, and no result"


def test_a_failed_run_leaves_the_earlier_result(
    log: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    assert CliRunner().invoke(cli.app, ["detect", str(log), "--out", str(out)]).exit_code == 0
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    said(["detect", str(tmp_path / "nowhere"), "--out", str(out)], monkeypatch, capsys)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_no_logs_named_is_a_usage_error() -> None:
    assert CliRunner().invoke(cli.app, ["detect"]).exit_code == 2
