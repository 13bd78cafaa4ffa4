"""Findings: every sentence holds its figures, no kind of evidence crowds out another."""

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import numpy as np
import pyarrow as pa
import pytest

from stillwatch.campaigns.evidence import evidence
from stillwatch.detection.findings import MOST_REASONS, Narrator, campaign_id
from stillwatch.detection.judge import DetectionOptions, judge
from stillwatch.detection.rules import Rule, load_rules
from stillwatch.domain.finding import Reason
from stillwatch.logs.schema import ACCOUNTS_SCHEMA
from stillwatch.profiles.phrases import load_families, shipped_rules
from stillwatch.profiles.signals import NAMES, SIGNALS
from tests.groups import World
from tests.support import START

FAMILIES = load_families(shipped_rules() / "phrases")
RULES = load_rules(shipped_rules() / "detection")
GROUP_OF = {signal.name: signal.group for signal in SIGNALS}


@cache
def narrator(exempt_job: bool = False) -> Narrator:
    world = World(1)
    n = world.profiles.size
    exempt = np.zeros(n, dtype=np.bool_)
    if exempt_job:
        exempt[world.job] = True
    judgement = judge(
        world.profiles,
        exempt,
        tuple(f.name for f in FAMILIES),
        tuple(f.name for f in FAMILIES if f.kind == "tactic"),
        DetectionOptions(fdr=0.1),
    )
    ids = [f"acct-{i}" for i in range(n)]
    why = ["authorised use: benchmarking" if e else None for e in exempt]
    return Narrator(ids, world.profiles, judgement, RULES, why, 0.1)


def sane(reasons: tuple[Reason, ...]) -> None:
    assert len(reasons) <= MOST_REASONS
    assert len({reason.signal for reason in reasons}) == len(reasons)
    for reason in reasons:
        assert 0 <= reason.benign_percentile <= 100
        assert "nan" not in reason.sentence
        assert "{" not in reason.sentence


def test_the_table_has_every_account_and_agrees_with_the_judgement() -> None:
    table, judgement = narrator().accounts_table(), narrator().judgement
    assert table.column("account_id").to_pylist() == list(narrator().account_ids)
    assert table.column("flagged").to_pylist() == judgement.flagged.tolist()
    assert table.column("score").to_pylist() == judgement.scores.tolist()
    assert table.column("events").to_pylist() == narrator().profiles["events"].tolist()
    numbers = [int(c[1:]) - 1 if c else -1 for c in table.column("campaign_id").to_pylist()]
    assert numbers == judgement.campaign.tolist()


def test_flagged_accounts_are_told_and_no_others() -> None:
    found = {finding.account_id for finding in narrator().accounts()}
    flagged = np.flatnonzero(narrator().judgement.flagged)
    assert found == {f"acct-{row}" for row in flagged}
    assert found


def test_every_account_finding_is_complete() -> None:
    for finding in narrator().accounts():
        sane(finding.reasons)
        assert finding.exemplars
        assert finding.innocent
        assert finding.first_seen <= finding.last_seen
        assert finding.events > 0
        assert finding.exempt is None


def test_an_exempt_account_that_would_be_flagged_is_told_with_its_reason() -> None:
    found = narrator(exempt_job=True).accounts()
    for finding in found:
        assert finding.flagged == (finding.exempt is None)
        assert finding.exempt in (None, "authorised use: benchmarking")
    bar = max((f.p_value for f in found if f.flagged), default=0.0)
    assert all(f.p_value <= bar for f in found)


def test_every_campaign_is_complete() -> None:
    campaigns = narrator().campaigns()
    assert campaigns
    for number, finding in enumerate(campaigns):
        sane(finding.reasons)
        assert finding.campaign_id == campaign_id(number)
        assert len(set(finding.accounts)) == len(finding.accounts)
        assert sum(finding.activity) == finding.events
        assert finding.reasons
        assert finding.links
        weights = [link.weight for link in finding.links]
        assert weights == sorted(weights, reverse=True)
        for link in finding.links:
            assert 2 <= link.accounts <= len(finding.accounts)
            assert f"of {len(finding.accounts)} accounts" in link.sentence


def test_one_reason_of_each_kind_before_a_second_of_any() -> None:
    for finding in narrator().accounts():
        groups = [GROUP_OF[r.signal] for r in finding.reasons if r.signal != "campaign"]
        firsts = len(set(groups))
        assert len(set(groups[:firsts])) == firsts


def test_the_table_gives_the_strongest_reasons_of_the_findings() -> None:
    rows = {row["account_id"]: row["reasons"] for row in narrator().accounts_table().to_pylist()}
    for finding in narrator().accounts():
        told = [(r.signal, r.value, r.benign_percentile, r.sentence) for r in finding.reasons]
        assert [tuple(r.values()) for r in rows[finding.account_id]] == told[:4]


def test_a_member_is_told_first_what_it_has_to_do_with_its_campaign() -> None:
    members = [finding for finding in narrator().accounts() if finding.campaign_id]
    assert members
    for finding in members:
        first = finding.reasons[0]
        assert first.signal == "campaign"
        assert finding.campaign_id in first.sentence
    assert all(f.reasons[0].signal != "campaign" for f in narrator().accounts() if f not in members)


def test_low_signals_have_low_percentiles_and_high_ones_high() -> None:
    for finding in narrator().accounts():
        for reason in finding.reasons[finding.campaign_id is not None :]:
            high = SIGNALS[NAMES.index(reason.signal)].high
            assert (reason.benign_percentile >= 50) == high


def test_sign_up_records_add_evidence() -> None:
    base, world = narrator(), World(1)
    rows = [{"account_id": name} for name in base.account_ids]
    for row in [*world.job, *world.natural[0]]:
        rows[row]["payment_fingerprint"] = "pm_1"
    table = pa.Table.from_pylist(rows, schema=ACCOUNTS_SCHEMA)
    pair = (world.job[:1], world.job[1:2])
    more, less = (evidence(n.keys, *pair).sum() for n in (replace(base, records=table), base))
    assert more > less


def test_the_first_rule_that_matches_speaks() -> None:
    always = Rule("r", "A rule", "why it is", ("AML.T0024",), (), "Innocent so.", "Look there.", {})
    base = narrator()
    told = replace(base, rules=(always, *RULES))
    assert {f.innocent for f in told.accounts()} == {"A rule (AML.T0024). Innocent so. Look there."}
    silent = replace(base, rules=())
    assert all("Ask what the answers are used for" in f.innocent for f in silent.accounts())


@pytest.mark.parametrize(("number", "name"), [(0, "C0001"), (41, "C0042"), (12344, "C12345")])
def test_campaigns_are_numbered_from_one(number: int, name: str) -> None:
    assert campaign_id(number) == name


def test_times_are_utc() -> None:
    finding = narrator().accounts()[0]
    assert finding.first_seen.tzinfo is UTC
    assert START <= finding.first_seen < datetime(2026, 3, 20, tzinfo=UTC)
