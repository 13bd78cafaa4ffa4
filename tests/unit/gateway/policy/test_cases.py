"""Cases say what a run found, account for account, and what its figures mean."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stillwatch.domain.decision import Scope, Subject
from stillwatch.domain.finding import (
    AccountFinding,
    AccountId,
    CampaignFinding,
    CampaignId,
    Link,
    Reason,
)
from stillwatch.domain.lead import Evidence, Lead, Step
from stillwatch.errors import InputError
from stillwatch.gateway.policy.case import Source
from stillwatch.gateway.policy.cases import (
    Run,
    case_of_lead,
    cases_of_findings,
    corroborated,
    q_values,
    run_name,
)

START, END = datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC)
RUN = run_name("0123456789abcdef" * 4)


def account(name: str, p_value: float = 1e-4, **changes: Any) -> AccountFinding:
    said: dict[str, Any] = {
        "score": 5.0, "flagged": True, "campaign_id": None, "events": 10, "first_seen": START,
        "last_seen": END, "reasons": (Reason("single_turn", 0.9, 99.0, "90 % stop at once."),),
    }  # fmt: skip
    return AccountFinding(AccountId(name), p_value=p_value, **(said | changes))


def group(names: list[str], number: int = 1, **changes: Any) -> CampaignFinding:
    said: dict[str, Any] = {
        "events": 100, "first_seen": START, "last_seen": END, "score": 9.0, "p_value": 1e-5,
        "links": (Link("skeleton", len(names), 20.0, "all share one frame."),), "reasons": (),
        "activity": (50, 30, 20),
    }  # fmt: skip
    return CampaignFinding(
        CampaignId(f"C{number:04d}"), tuple(map(AccountId, names)), **(said | changes)
    )


def said_by(*publishers: str, weight: float = 0.5) -> tuple[Evidence, ...]:
    day = date(2026, 11, 1)
    return tuple(
        Evidence("email", one, f"threat-actor--{n}", "hydra", "current", day, day, day, 80,
                 "harvest", "e1", weight, ())
        for n, one in enumerate(publishers)
    )  # fmt: skip


@given(
    lone=st.sets(st.sampled_from("abcdef")),
    grouped=st.sets(st.sampled_from("ghijklmn"), min_size=1),
    paths=st.dictionaries(
        st.sampled_from("abcdefghijklmn"), st.sampled_from(["education", "enterprise", None])
    ),
)
def test_every_account_is_in_one_case(
    lone: set[str], grouped: set[str], paths: dict[str, str | None]
) -> None:
    found = [account(name) for name in sorted(lone | grouped)]
    records = {name: {"access_path": path} for name, path in paths.items()}
    cases = list(cases_of_findings(found, [group(sorted(grouped))], records, RUN, 1000))
    members = [member.account for case in cases for member in case.members]
    assert sorted(members) == sorted(lone | grouped)
    for case in cases:
        assert all(paths.get(m.account) == case.access_path for m in case.members)
        assert case.own
        assert case.traffic_share == pytest.approx(case.events / 1000)
        assert case.source is (Source.CAMPAIGN if case.group else Source.FINDING)


def test_a_campaign_says_its_figures_and_its_days_by_population() -> None:
    found = [account("a", events=60), account("b", events=20), account("c", events=20)]
    records = {"a": {"access_path": "education", "signup_ip": "192.0.2.7"}, "b": {}, "c": {}}
    big, small = cases_of_findings(
        found, [group(["a", "b", "c"])], records, RUN, 1000, of=Run(0.05, 500, "self", 400)
    )
    assert (big.access_path, small.access_path) == (None, "education")
    assert big.accounts == small.accounts == 3
    assert big.evidence == small.evidence == ("finding:0123456789abcdef/C0001",)
    assert small.days == (("2026-03-02", 30), ("2026-03-03", 18), ("2026-03-04", 12))
    assert big.confidence == 0.95
    assert big.account_share == 2 / 500
    assert (big.calibration, big.reference_accounts) == ("self", 400)
    assert small.members[0].carries == (Subject.of("range", "192.0.2.7"),)
    assert small.sentence == "all share one frame."


def test_confidence_of_an_account_is_what_is_known_of_those_as_strong() -> None:
    # Benjamini-Hochberg by hand: m = 1000, p(1) m / 1 = 0.01, p(2) m / 2 = 0.025, p(3) m / 3 = 0.04
    assert q_values([1e-5, 5e-5, 1.2e-4], Run(0.05, 1000)) == pytest.approx([0.01, 0.025, 0.04])
    # a weaker one that is still good makes those before it at least as good, and never worse
    assert q_values([2e-5, 2.1e-5], Run(0.05, 1000)) == pytest.approx([0.0105, 0.0105])
    assert q_values([1e-3], Run(0.05, 1000)) == [0.05]  # the promise of the run
    assert q_values([1e-9], Run(0.2)) == [0.2]  # accounts unknown: the promise is all there is
    strong, weak = cases_of_findings(
        [account("w", 1e-3), account("s", 1e-5)], [], {}, RUN, 100, of=Run(0.05, 1000)
    )
    assert (strong.subject.value, strong.confidence) == ("s", pytest.approx(0.99))
    assert (weak.subject.value, weak.confidence) == ("w", 0.95)


def test_what_was_not_flagged_makes_no_case() -> None:
    exempt = account("e", flagged=False, exempt="authorised use: synthetic_data")
    assert list(cases_of_findings([exempt], [], {}, RUN, 10)) == []


def test_ids_that_no_decision_can_name_are_counted() -> None:
    odd = ["x" * 600, "a\x00b"]
    unusable = list[str]()
    found = [account(name) for name in (*odd, "fine")]
    cases = list(cases_of_findings(found, [], {}, RUN, 10, unusable=unusable))
    assert [case.subject.value for case in cases] == ["fine"]
    assert unusable == odd
    with pytest.raises(InputError, match="account 'xxx"):
        list(cases_of_findings(found, [], {}, RUN, 10))


def test_a_lead_is_others_words() -> None:
    lead = Lead("s1", Step.CHALLENGE, 0.8, ("two labs list its card",), said_by("alpha", "beta"))
    case = case_of_lead(lead)
    assert case.subject == Subject(Scope.SIGN_UP, "s1")
    assert not case.own
    assert (case.labs, case.confidence, case.step) == (2, 0.8, Step.CHALLENGE)
    assert case.evidence == ("threat-actor--0", "threat-actor--1")
    nothing = Lead("s2", Step.NOTE, 0.0, (), said_by("alpha", weight=0.0))
    assert case_of_lead(nothing).labs == 0
    with pytest.raises(InputError, match="control characters"):
        case_of_lead(Lead("a\x00b"))


def test_leads_corroborate_what_was_found_here() -> None:
    cases = list(cases_of_findings([account("a"), account("b")], [], {}, RUN, 10))
    leads = {"a": Lead("a", Step.REVIEW, 0.4, (), said_by("alpha", "alpha", "beta"))}
    one, other = corroborated(cases, leads)
    assert (one.labs, other.labs) == (2, 0)
    assert one.own
    assert one.evidence[0] == f"finding:{RUN}/a"
    assert set(one.evidence[1:]) == {f"threat-actor--{n}" for n in range(3)}
