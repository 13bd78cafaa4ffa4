"""Drafts: ranges instead of figures, one claim a campaign through all runs, nothing that is small."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import orjson
import pytest

from stillwatch.domain.claim import CampaignClaim, Span, VerdictClaim
from stillwatch.domain.finding import CampaignFinding, Reason
from stillwatch.intel.policy.check import check_claim
from stillwatch.intel.stix import from_stix
from stillwatch.report.codec import dump_lines
from stillwatch.sharing import drafts
from stillwatch.sharing.drafts import Drafted
from stillwatch.sharing.settings import Settings
from stillwatch.store import outbox
from stillwatch.store.database import Store
from stillwatch.store.outbox import Sent
from tests.sharers import command
from tests.unit.sharing.test_publish import settings

EXAMPLE = Path(__file__).parents[3] / "examples" / "correlation"
AT = datetime(2026, 11, 3, 14, 25, 36, tzinfo=UTC)


@pytest.fixture
def mine(tmp_path: Path) -> Settings:
    return settings("https://hub.example", tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(f"sqlite:///{tmp_path}/share.db")
    yield opened
    opened.close()


def result(folder: Path, **campaigns: tuple[range, float]) -> Path:
    """What `stillwatch detect` writes about campaigns: numbers of their accounts and a p-value."""
    folder.mkdir()
    found = [
        CampaignFinding(
            name, tuple(f"cust-{n}" for n in numbers), 12_345, AT, AT, 9.5, p,
            (),
            (Reason("release_pivot", 1.0, 99.0, "It moved on the day of the release."),),
            ("a prompt of a customer of ours",),
        )
        for name, (numbers, p) in campaigns.items()
    ]  # fmt: skip
    (folder / "findings.jsonl").write_bytes(dump_lines(found))
    (folder / "summary.json").write_text('{"fdr": 0.05}')
    return folder


def draft(store: Store, mine: Settings, folder: Path) -> Drafted:
    with store.begin() as connection:
        made = drafts.from_detection(folder, mine, connection, store.secret)
        drafts.keep(connection, made, mine)
    return made


def test_a_draft_holds_ranges_and_says_what_stays(
    tmp_path: Path, store: Store, mine: Settings
) -> None:
    (made,) = draft(store, mine, result(tmp_path / "r", C1=(range(23), 0.0012))).drafts
    claim = from_stix(made.body)
    assert isinstance(claim, CampaignClaim)
    assert (claim.accounts, claim.exchanges) == (Span(20, 49), Span(10_000, 19_999))
    assert (claim.first_seen, claim.p_value) == (date(2026, 11, 3), 0.002)
    assert claim.release_pivot
    assert check_claim(made.body) == []
    assert (made.state, made.stays["account ids"], made.stays["quoted prompts"]) == (
        "waiting",
        23,
        1,
    )
    text = orjson.dumps(made.body)
    assert b"cust-" not in text
    assert b"a prompt" not in text
    assert b"12345" not in text


def test_what_is_small_or_uncertain_stays_home(
    tmp_path: Path, store: Store, mine: Settings
) -> None:
    folder = result(tmp_path / "r", C1=(range(5), 0.001), C2=(range(50, 90), 0.06))
    made = draft(store, mine, folder)
    assert made.drafts == ()
    assert made.left == ("C1: 5 accounts, fewer than 6", "C2: p-value 0.06, above 0.05")


def test_a_campaign_keeps_its_claim_through_the_runs(
    tmp_path: Path, store: Store, mine: Settings
) -> None:
    (first,) = draft(store, mine, result(tmp_path / "r1", C1=(range(20), 0.001))).drafts
    before = Sent(
        first.stix_id, first.body["modified"], "c", orjson.dumps(first.body), "stored", ""
    )
    with store.begin() as connection:
        outbox.sent(connection, mine.url, [before])
    both = result(tmp_path / "r2", C7=(range(5, 30), 0.001), C1=(range(100, 120), 0.001))
    found = {d.origin.split()[0]: d for d in draft(store, mine, both).drafts}
    assert found["C7"].stix_id == first.stix_id  # mostly the same accounts, by whatever name
    assert found["C1"].stix_id != first.stix_id  # the same name, other accounts
    assert found["C7"].body["modified"] > first.body["modified"]
    assert found["C7"].body["created"] == first.body["created"]


def test_a_verdict_is_drafted_from_a_run_of_correlate(tmp_path: Path, mine: Settings) -> None:
    panel = ("--panel", EXAMPLE / "panel.toml", "--out", tmp_path / "r")
    command("correlate", EXAMPLE / "answers.parquet", *panel)
    made = drafts.from_correlation(tmp_path / "r", mine)
    said = {}
    for one in made.drafts:
        claim = from_stix(one.body)
        assert isinstance(claim, VerdictClaim)
        said[claim.suspect] = claim
        assert one.stays
    assert said["copycat"].verdict == "mirrors"
    assert said["copycat"].controls >= 30
    assert "bystander: no evidence, so there is nothing to say" in made.left
