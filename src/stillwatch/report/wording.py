"""What a run promises and what it does not, in the same words on every surface.

The page and the terminal must not drift apart in what they claim, so each claim is one function
of the ``RunSummary``.
"""

import math
from datetime import datetime

from stillwatch.domain.finding import AccountFinding, RunSummary
from stillwatch.report.text import count, p_value, percent, plural


def headline(summary: RunSummary) -> str:
    """One sentence: what stood out."""
    level = f"a false-discovery rate of {percent(summary.fdr)}"
    if not summary.flagged and not summary.campaigns:
        return f"No account or campaign stood out at {level}."
    found = [plural(summary.campaigns, "campaign")] if summary.campaigns else []
    found += [plural(summary.flagged, "account")] if summary.flagged else []
    return f"{' and '.join(found)} stood out at {level}."


def promise(summary: RunSummary) -> str:
    """Say what the flags promise; empty where nothing is flagged."""
    if not summary.flagged:
        return ""
    level = percent(summary.fdr)
    if summary.flagged == 1:
        return (
            f"Flags are chosen so that, over many runs, at most {level} of the flagged accounts "
            "are innocent. One account is flagged here: review it before you act."
        )
    return (
        f"Of these {count(summary.flagged)} flagged accounts expect "
        f"{expected_innocent(summary)} to be innocent (false-discovery rate {level}). "
        "That is an average over runs, not a bound on this one: review before you act."
    )


def expected_innocent(summary: RunSummary) -> str:
    """Say how many of the flagged are innocent if the promise is just held, rounded up."""
    expected = round(summary.flagged * summary.fdr, 9)
    return "fewer than one" if expected < 1 else f"at most {count(math.ceil(expected))}"


def calibration(summary: RunSummary) -> str:
    """How innocent traffic was known, and what follows from it."""
    reference = plural(summary.reference_accounts, "account")
    if summary.calibration == "baseline":
        return (
            f"Calibrated on a baseline of {reference} of your own traffic held to be innocent. "
            "P-values compare an account with baseline accounts of like volume."
        )
    return (
        f"No baseline was given, so the bulk of this log ({reference}) served as the reference. "
        "That holds while most of the log is innocent: a campaign large enough to be the bulk "
        "would hide itself. Give a baseline to be sure."
    )


def verdict(finding: AccountFinding) -> str:
    """Say the judgement on one account in one line."""
    if finding.exempt is not None:
        return f"exempt ({finding.exempt}): not flagged whatever its score"
    if finding.flagged:
        return f"flagged, p = {p_value(finding.p_value)}"
    return f"not flagged, p = {p_value(finding.p_value)}"


def day(instant: datetime) -> str:
    """3 May 2026."""
    return f"{instant.day} {instant:%b %Y}"


def span(first: datetime, last: datetime) -> str:
    """Join two days, without repeating what they share: ``3-16 May 2026``."""
    if first.date() == last.date():
        return day(first)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{day(last)}"
    if first.year == last.year:
        return f"{first.day} {first:%b} – {day(last)}"
    return f"{day(first)} – {day(last)}"
