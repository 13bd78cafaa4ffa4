import doctest
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_samples import sample

from stillwatch.domain.finding import (
    AccountFinding,
    CampaignFinding,
    Coverage,
    Link,
    Reason,
    RunSummary,
)
from stillwatch.report import codec

numbers = st.floats(allow_nan=False, allow_infinity=False)
words = st.text(st.characters(codec="utf-8"), max_size=30)
instants = st.datetimes(timezones=st.just(UTC))
reasons = st.builds(Reason, words, numbers, numbers, words)
links = st.builds(Link, words, st.integers(0, 2**40), numbers, words)
accounts = st.builds(
    AccountFinding,
    account_id=words,
    score=numbers,
    p_value=numbers,
    flagged=st.booleans(),
    campaign_id=st.none() | words,
    events=st.integers(0, 2**40),
    first_seen=instants,
    last_seen=instants,
    reasons=st.lists(reasons, max_size=3).map(tuple),
    exemplars=st.lists(words, max_size=3).map(tuple),
    innocent=words,
    exempt=st.none() | words,
)
campaigns = st.builds(
    CampaignFinding,
    campaign_id=words,
    accounts=st.lists(words, max_size=4).map(tuple),
    events=st.integers(0, 2**40),
    first_seen=instants,
    last_seen=instants,
    score=numbers,
    p_value=numbers,
    links=st.lists(links, max_size=3).map(tuple),
    reasons=st.lists(reasons, max_size=3).map(tuple),
    exemplars=st.lists(words, max_size=3).map(tuple),
    innocent=words,
    activity=st.lists(st.integers(0, 10**9), max_size=5).map(tuple),
)


@given(st.lists(accounts | campaigns, max_size=4))
def test_findings_survive_the_round_trip_in_order_of_severity(findings):
    lines = codec.dump_lines(findings).splitlines()
    read = [codec.load_line(line, "here") for line in lines]
    assert read == sorted(findings, key=codec.severity)


def test_the_summary_survives_the_round_trip():
    summary = sample()[0]
    values = json.loads(json.dumps(codec.record(summary)))
    assert codec.decode(RunSummary, values, "summary") == summary


def test_severity_is_least_p_value_then_highest_score():
    finding = sample(flagged=1, campaigns=0)[2][0]
    a = replace(finding, account_id="a", p_value=0.02, score=9.0)
    b = replace(finding, account_id="b", p_value=0.01, score=1.0)
    c = replace(finding, account_id="c", p_value=0.01, score=2.0)
    assert [f.account_id for f in sorted([a, b, c], key=codec.severity)] == ["c", "b", "a"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"first_seen": datetime(2026, 5, 1)}, "first_seen: .* no time zone"),
        ({"score": float("nan")}, "score: nan is not a finite number"),
        ({"p_value": float("inf")}, "p_value: inf is not a finite number"),
        ({"reasons": (Reason("s", float("nan"), 1.0, ""),)}, "value: nan"),
    ],
)
def test_a_finding_that_could_not_be_read_back_is_not_written(change, words):
    finding = replace(sample(flagged=1)[2][0], **change)
    with pytest.raises(ValueError, match=words):
        codec.dump_lines([finding])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "rumour"}, "l:1: kind is 'rumour'"),
        ({"score": "high"}, "score: 'high' is not a number"),
        ({"score": True}, "score: 'True' is not a number"),
        ({"events": 1.5}, "events: '1.5' is not int"),
        ({"first_seen": "yesterday"}, "first_seen: 'yesterday' is not an instant"),
        ({"first_seen": "2026-05-01T00:00:00"}, "time zone"),
        ({"reasons": {}}, "reasons: '{}' is not a list"),
        ({"reasons": [{"signal": "x"}]}, r"reasons\[0\]: lacks value"),
    ],
)
def test_a_damaged_line_is_named(change, words):
    values = codec.finding_record(sample(flagged=1)[2][0]) | change
    with pytest.raises(ValueError, match=words):
        codec.load_line(json.dumps(values).encode(), "l:1")


def test_a_field_of_a_newer_version_is_skipped():
    finding = sample(flagged=1)[2][0]
    values = codec.finding_record(finding) | {"mood": "calm"}
    assert codec.load_line(json.dumps(values).encode(), "l:1") == finding


def test_a_literal_takes_its_values_only():
    values = codec.record(sample()[0]) | {"calibration": "guess"}
    with pytest.raises(ValueError, match="calibration: 'guess'"):
        codec.decode(RunSummary, values, "summary")


def test_whole_numbers_are_read_as_the_float_they_were():
    coverage = codec.decode(Coverage, {"name": "asn", "share": 1}, "coverage")
    assert type(coverage.share) is float


def test_the_examples_hold():
    assert doctest.testmod(codec).failed == 0
