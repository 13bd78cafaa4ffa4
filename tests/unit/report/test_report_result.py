import json
from dataclasses import replace
from datetime import datetime

import pyarrow.parquet as pq
import pytest
from report_samples import hostile, sample

from stillwatch.errors import InputError, StoredDataError
from stillwatch.report.codec import severity
from stillwatch.report.result import read_result, write_result
from stillwatch.report.schema import ACCOUNTS_RESULT_SCHEMA, CAMPAIGNS_RESULT_SCHEMA

FILES = {
    "accounts.parquet",
    "campaigns.parquet",
    "findings.jsonl",
    "report.html",
    "summary.json",
}


@pytest.fixture
def out(tmp_path):
    write_result(tmp_path / "out", *sample())
    return tmp_path / "out"


def bytes_of(out):
    return {path.name: path.read_bytes() for path in out.iterdir()}


@pytest.mark.parametrize("made", [sample(), sample(0, 0, 5), sample(0, 0, 0), hostile()])
def test_what_is_written_is_read_back(tmp_path, made):
    summary, accounts, flagged, campaigns = made
    written = write_result(tmp_path, summary, accounts, flagged, campaigns)
    result = read_result(tmp_path)
    assert written == result
    assert {path.name for path in tmp_path.iterdir()} == FILES
    assert result.page == tmp_path / "report.html"
    assert result.summary == summary
    assert result.flagged == tuple(sorted(flagged, key=severity))
    assert result.campaigns == tuple(sorted(campaigns, key=severity))
    assert result.accounts().equals(accounts)


def test_the_tables_have_the_documented_columns(out):
    assert pq.read_schema(out / "accounts.parquet").equals(ACCOUNTS_RESULT_SCHEMA)
    assert pq.read_schema(out / "campaigns.parquet").equals(CAMPAIGNS_RESULT_SCHEMA)


def test_campaigns_parquet_says_what_the_findings_say(out):
    rows = pq.read_table(out / "campaigns.parquet", partitioning=None).to_pylist()
    campaigns = read_result(out).campaigns
    assert [row["campaign_id"] for row in rows] == [c.campaign_id for c in campaigns]
    for row, campaign in zip(rows, campaigns, strict=True):
        assert row["accounts"] == len(row["members"]) == len(campaign.accounts)
        assert row["last_seen"] == campaign.last_seen
        assert row["links"][0]["weight"] == campaign.links[0].weight
        assert row["reasons"][0]["sentence"] == campaign.reasons[0].sentence


def test_no_prompt_is_in_a_table(out):
    exemplar = read_result(out).flagged[0].exemplars[0]
    first = exemplar.splitlines()[0].encode()
    assert first in (out / "findings.jsonl").read_bytes()
    for name in ("accounts.parquet", "campaigns.parquet"):
        text = str(pq.read_table(out / name, partitioning=None).to_pylist())
        assert first.decode() not in text


def test_rows_and_columns_can_be_asked_for(out):
    table = read_result(out).accounts(["account_id"], [("flagged", "=", True)])
    assert table.column_names == ["account_id"]
    assert table.num_rows == 12


def test_the_same_result_is_the_same_bytes(out, tmp_path):
    write_result(tmp_path / "again", *sample())
    assert bytes_of(tmp_path / "again") == bytes_of(out)


def test_a_failure_midway_leaves_the_old_result_intact(out):
    before = bytes_of(out)
    summary, accounts, flagged, campaigns = sample(seed=2)
    campaigns[-1] = replace(campaigns[-1], last_seen=datetime(2026, 5, 1))
    with pytest.raises(ValueError, match="no time zone"):
        write_result(out, summary, accounts, flagged, campaigns)
    assert bytes_of(out) == before


def test_a_directory_in_place_of_a_file_is_replaced(out):
    (out / "report.html").unlink()
    (out / "report.html").mkdir()
    write_result(out, *sample(seed=2))
    assert (out / "report.html").is_file()
    assert read_result(out).campaigns


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"flagged": 11}, "summary says 11, the accounts table 12, the findings 12"),
        ({"campaigns": 3}, "summary says 3 campaigns, 2 given"),
    ],
)
def test_a_summary_that_contradicts_its_findings_is_refused(tmp_path, change, words):
    summary, *rest = sample()
    with pytest.raises(ValueError, match=words):
        write_result(tmp_path, replace(summary, **change), *rest)


def test_a_finding_neither_flagged_nor_exempt_is_refused(tmp_path):
    summary, accounts, flagged, campaigns = sample()
    stray = replace(flagged[0], account_id="stray", flagged=False)
    with pytest.raises(ValueError, match=r"neither flagged nor exempt, e\.g\. 'stray'"):
        write_result(tmp_path, summary, accounts, [*flagged, stray], campaigns)


def test_no_result_is_named_with_what_to_do(tmp_path):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(StoredDataError, match=r"holds no result .*; name the --out directory"):
            read_result(path)


@pytest.mark.parametrize("words", [b"", b"{", b"[]", b'"x"', b"\xff"])
def test_a_damaged_summary_is_refused(out, words):
    (out / "summary.json").write_bytes(words)
    with pytest.raises(StoredDataError, match=r"summary\.json"):
        read_result(out)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": "stillwatch-result/9"}, "'stillwatch-result/9', this version reads"),
        ({"files": None}, "lists no digests"),
        ({"events": "many"}, r"damaged: summary\.json\.events: 'many' is not int"),
    ],
)
def test_a_foreign_summary_is_refused(out, change, words):
    head = json.loads((out / "summary.json").read_bytes()) | change
    (out / "summary.json").write_text(json.dumps(head))
    with pytest.raises(StoredDataError, match=words):
        read_result(out)


def test_findings_of_another_run_are_refused(out, tmp_path):
    write_result(tmp_path / "other", *sample(seed=2))
    (tmp_path / "other" / "findings.jsonl").replace(out / "findings.jsonl")
    with pytest.raises(StoredDataError, match=r"findings\.jsonl is not the file that summary"):
        read_result(out)


def test_accounts_of_another_run_are_refused_when_they_are_read(out, tmp_path):
    write_result(tmp_path / "other", *sample(seed=2))
    (tmp_path / "other" / "accounts.parquet").replace(out / "accounts.parquet")
    result = read_result(out)
    with pytest.raises(StoredDataError, match=r"accounts\.parquet is not the file"):
        result.accounts()


def test_a_missing_table_is_named(out):
    (out / "accounts.parquet").unlink()
    with pytest.raises(StoredDataError, match=r"accounts\.parquet cannot be read"):
        read_result(out).accounts()


def test_an_output_that_is_a_file_is_named(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(InputError, match="is a file"):
        write_result(tmp_path / "out", *sample())
