"""An evaluation of small results with known figures, and of results that do not fit."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from stillwatch.cli import app
from stillwatch.errors import ConfigError, EmptyInput, InputError, StoredDataError
from stillwatch.evaluation import Evaluation, evaluate

RESULT = [
    # id, score, p, flagged, reported, events
    ("h1", 9.0, 0.001, True, "c1", 100),
    ("h2", 8.0, 0.002, True, "c1", 50),
    ("h3", 3.0, 0.300, False, None, 10),
    ("b1", 7.0, 0.004, True, "c1", 40),
    ("b2", 4.0, 0.200, False, "c2", 40),
    ("b3", 2.0, 0.600, False, "c2", 30),
    ("b4", 1.0, None, False, None, 5),
    ("stranger", 5.0, 0.100, False, None, 40),
]
LABELS = [
    ("h1", "distillation", "seed_task_sweep", "A", 0.5),
    ("h2", "distillation", "seed_task_sweep", "A", 1.0),
    ("h3", "distillation", "rubric_grader", "B", 0.1),
    ("b1", "benign", "classroom", None, 0.0),
    ("b2", "benign", "classroom", None, 0.0),
    ("b3", "benign", "hobby_chat", None, 0.0),
    ("b4", "benign", None, None, None),
    ("absent", "distillation", "rubric_grader", "B", 1.0),
]


def _write(
    folder: Path,
    result: Sequence[Sequence[Any]] = RESULT,
    labels: Sequence[Sequence[Any]] = LABELS,
    listed: Sequence[str] = ("c1", "c2"),
    summary: Mapping[str, Any] | None = None,
) -> tuple[Path, Path]:
    names = ("account_id", "score", "p_value", "flagged", "campaign_id", "events")
    _table(folder / "accounts.parquet", names, result)
    pq.write_table(
        pa.table({"campaign_id": pa.array(listed, pa.string())}), folder / "campaigns.parquet"
    )
    kinds = ("account_id", "label", "kind", "campaign_id", "attack_share")
    _table(folder / "labels.parquet", kinds, labels)
    if summary is not None:
        (folder / "summary.json").write_bytes(orjson.dumps(summary))
    return folder, folder / "labels.parquet"


def _table(path: Path, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    types = {"score": pa.float64(), "p_value": pa.float64(), "flagged": pa.bool_(), "events": pa.int64(),
             "attack_share": pa.float32()}  # fmt: skip
    columns = zip(names, zip(*rows, strict=True), strict=True)
    pq.write_table(
        pa.table({n: pa.array(list(v), types.get(n, pa.string())) for n, v in columns}), path
    )


@pytest.fixture
def figures(tmp_path: Path) -> Evaluation:
    return evaluate(*_write(tmp_path, summary={"fdr": 0.05}))


def test_what_does_not_match_is_counted(figures: Evaluation) -> None:
    assert (figures.accounts, figures.missing, figures.missing_hostile, figures.unlabelled) == (
        7,
        1,
        1,
        1,
    )


def test_ranking_and_flags(figures: Evaluation) -> None:
    everyone = figures.restricted[0]
    assert everyone.auc == pytest.approx((4 + 4 + 2) / 12)
    assert everyone.points[-1].limit == 0
    assert everyone.points[-1].recall.hits == 2
    assert (everyone.recall.hits, everyone.recall.total) == (2, 3)
    assert (everyone.fdr.hits, everyone.fdr.total) == (1, 3)
    # 50 + 50 + 1 attack requests, of which 100 from flagged accounts
    assert everyone.attack_requests == pytest.approx(100 / 101, abs=1e-6)


def test_the_promise_is_held_to_account(tmp_path: Path, figures: Evaluation) -> None:
    assert figures.promised_fdr == 0.05
    assert figures.promise_kept is False
    assert evaluate(*_write(tmp_path, summary={"fdr": 0.5})).promise_kept is True
    (tmp_path / "summary.json").unlink()
    assert evaluate(*_write(tmp_path)).promise_kept is None


def test_calibration_uses_innocent_accounts_with_a_p_value(figures: Evaluation) -> None:
    calibration = figures.restricted[0].calibration
    assert calibration.accounts == 3
    assert calibration.below_1.hits == 1
    # of 0.004, 0.2, 0.6: after the second, 2/3 of the sample lies at or below 0.2
    assert calibration.ks_distance == pytest.approx(2 / 3 - 0.2)


def test_kinds_list_tactics_first(figures: Evaluation) -> None:
    rows = [
        (row.kind, row.hostile, row.flagged.hits, row.flagged.total)
        for row in figures.restricted[0].kinds
    ]
    assert rows == [
        ("seed_task_sweep", True, 2, 2),
        ("rubric_grader", True, 0, 1),
        ("classroom", False, 1, 2),
        ("hobby_chat", False, 0, 1),
        ("unknown", False, 0, 1),
    ]


def test_small_accounts_are_shown_apart(figures: Evaluation) -> None:
    assert [(r.min_events, r.accounts, r.hostile) for r in figures.restricted] == [
        (1, 7, 3),
        (20, 5, 2),
    ]
    assert figures.restricted[1].auc == 1.0


def test_campaigns(figures: Evaluation) -> None:
    campaigns = figures.campaigns
    assert (campaigns.reported, campaigns.true, campaigns.found) == (2, 2, 1)
    assert campaigns.benign == ("c2",)
    assert campaigns.unlisted == 0
    assert campaigns.bcubed.precision == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1 / 2 + 1 / 2) / 5)
    assert campaigns.bcubed.recall == 1.0


def test_campaign_ids_without_a_row_are_counted(tmp_path: Path) -> None:
    assert evaluate(*_write(tmp_path, listed=("c1", "c9"))).campaigns.unlisted == 1


def test_nothing_flagged_is_undefined_and_no_success(tmp_path: Path) -> None:
    quiet = [(i, s, p, False, None, e) for i, s, p, _, _, e in RESULT]
    figures = evaluate(*_write(tmp_path, quiet, listed=(), summary={"fdr": 0.05}))
    assert math.isnan(figures.restricted[0].fdr.value)
    assert figures.promise_kept is None
    assert math.isnan(figures.campaigns.bcubed.precision)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"result": [*RESULT, RESULT[0]]}, InputError, "more than once, first 'h1'"),
        ({"labels": [*LABELS, LABELS[0]]}, InputError, "more than once, first 'h1'"),
        ({"labels": [("h1", "evil", None, None, None)]}, InputError, "unknown label 'evil'"),
        ({"labels": [("nobody", "benign", None, None, None)]}, EmptyInput, "labels none of the accounts"),
        ({"result": [("h1", None, 0.1, True, None, 3)]}, InputError, "1 rows have no score"),
        ({"result": [("h1", math.nan, 0.1, True, None, 3)]}, InputError, "a score is not a number"),
    ],
)  # fmt: skip
def test_results_that_do_not_fit(
    tmp_path: Path, change: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        evaluate(*_write(tmp_path, **change))


def test_missing_and_damaged_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        evaluate(tmp_path, tmp_path / "labels.parquet")
    result, labels = _write(tmp_path)
    (tmp_path / "summary.json").write_text("{")
    with pytest.raises(StoredDataError, match=r"summary\.json is damaged"):
        evaluate(result, labels)
    (tmp_path / "campaigns.parquet").write_text("x")
    with pytest.raises(InputError, match="not a readable Parquet file"):
        evaluate(result, labels)


def test_restrictions_that_leave_nothing(tmp_path: Path) -> None:
    paths = _write(tmp_path)
    with pytest.raises(EmptyInput, match="no account has 1000 requests"):
        evaluate(*paths, min_events=1000)
    with pytest.raises(ConfigError, match="min_events is -1"):
        evaluate(*paths, min_events=-1)


def test_the_command_prints_and_writes_the_same_figures(tmp_path: Path) -> None:
    result, labels = _write(tmp_path, summary={"fdr": 0.05})
    out = tmp_path / "figures.json"
    arguments = ["evaluate", str(result), "--labels", str(labels), "--out", str(out)]
    shown = CliRunner().invoke(app, arguments, env={"COLUMNS": "160"})
    assert shown.exit_code == 0, shown.output
    assert "0.333 [0.061, 0.792] 1/3" in shown.output
    assert "promised FDR of 0.05 was not kept" in shown.output
    printed = CliRunner().invoke(app, [*arguments, "--json"])
    assert orjson.loads(printed.stdout) == orjson.loads(out.read_bytes())
    assert orjson.loads(out.read_bytes())["restricted"][0]["recall"]["hits"] == 2
