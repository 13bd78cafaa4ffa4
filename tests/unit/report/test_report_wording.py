from dataclasses import replace
from datetime import UTC, datetime

import pytest
from report_samples import sample

from stillwatch.report import wording

SUMMARY = sample()[0]


def about(**change):
    return replace(SUMMARY, **change)


@pytest.mark.parametrize(
    ("flagged", "campaigns", "begins"),
    [
        (0, 0, "No account or campaign stood out"),
        (1, 0, "1 account stood out"),
        (0, 2, "2 campaigns stood out"),
        (1200, 1, "1 campaign and 1,200 accounts stood out"),
    ],
)
def test_the_headline_counts(flagged, campaigns, begins):
    assert wording.headline(about(flagged=flagged, campaigns=campaigns)).startswith(begins)


@pytest.mark.parametrize(
    ("flagged", "fdr", "said"),
    [
        (12, 0.05, "fewer than one"),
        (20, 0.05, "at most 1"),
        (40, 0.05, "at most 2"),
        (41, 0.05, "at most 3"),
        (60, 0.05, "at most 3"),
        (30000, 0.1, "at most 3,000"),
    ],
)
def test_the_promise_is_rounded_up_and_never_down(flagged, fdr, said):
    summary = about(flagged=flagged, fdr=fdr)
    assert wording.expected_innocent(summary) == said
    assert said in wording.promise(summary)


def test_nothing_is_promised_for_no_flags():
    assert wording.promise(about(flagged=0)) == ""


def test_calibration_on_the_log_itself_says_what_it_cannot_see():
    assert "would hide itself" in wording.calibration(about(calibration="self"))
    baseline = wording.calibration(about(calibration="baseline", reference_accounts=1500))
    assert "baseline of 1,500 accounts" in baseline
    assert "hide" not in baseline


def test_an_exempt_account_is_never_called_flagged():
    finding = replace(sample(flagged=1)[2][0], flagged=False, exempt="synthetic_data")
    assert wording.verdict(finding) == "exempt (synthetic_data): not flagged whatever its score"


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        ((2026, 5, 3), (2026, 5, 3), "3 May 2026"),
        ((2026, 5, 3), (2026, 5, 16), "3–16 May 2026"),
        ((2026, 5, 3), (2026, 6, 1), "3 May – 1 Jun 2026"),
        ((2025, 12, 30), (2026, 1, 2), "30 Dec 2025 – 2 Jan 2026"),
    ],
)
def test_spans_repeat_nothing(first, last, said):
    assert wording.span(datetime(*first, tzinfo=UTC), datetime(*last, tzinfo=UTC)) == said
