"""A trial counts whom a policy would have touched, and keeps nothing."""

import pytest

from stillwatch.domain.share import wilson
from stillwatch.gateway.policy.load import load_policy
from stillwatch.gateway.policy.simulate import Label, simulate
from stillwatch.report.simulation_page import columns, render_simulation, stacked
from tests.cases import NOW, campaign, lone

STANDARD = load_policy()
CASES = [
    campaign([f"m{n}" for n in range(8)], days=(("2026-11-01", 80), ("2026-11-02", 40)), accounts=10),
    campaign(["e1", "e2"], access_path="enterprise", accounts=10, days=(("2026-11-01", 6),)),
    lone("s", access_path="education", spend_tier="free"),
    lone("a", p_value=1e-4),
    lone("agreed", authorized_use="synthetic_data"),
]  # fmt: skip
LABELS = {
    **{f"m{n}": Label(n < 7, "hydra" if n < 7 else "classroom") for n in range(8)},
    "s": Label(False, "classroom"),
    "other": Label(True, "hydra"),
    "nobody": Label(False, "hobby"),
}


def trial():  # type: ignore[no-untyped-def]
    return simulate(STANDARD, CASES, now=NOW, accounts=1000, events=5000, labels=LABELS)


def test_accounts_are_counted_by_effect_and_population() -> None:
    done = trial()
    assert {row.name: sum(row.accounts.values()) for row in done.effects} == {
        "block": 8, "challenge": 1, "observe": 1, "held": 2, "spared": 1,
    }  # fmt: skip
    by = {row.name: dict(row.accounts) for row in done.populations}
    assert by["self_serve"] == {"block": 8, "challenge": 1, "spared": 1}
    assert by["education/free"] == {"observe": 1}
    assert by["enterprise"] == {"held": 2}
    assert done.held == {"rule enterprise-to-a-person leaves it to a person": 2}
    assert [one.subject for one in done.touched[:8]] == [f"m{n}" for n in range(8)]


def test_days_are_those_of_the_touched() -> None:
    assert trial().days == (("2026-11-01", {"block": 80, "held": 6}), ("2026-11-02", {"block": 40}))


def test_truth_counts_all_that_are_labelled_with_intervals() -> None:
    truth = {(one.kind, one.hostile): one.touched for one in trial().truth}
    assert truth["hydra", True]["block"] == wilson(7, 8)
    assert truth["classroom", False]["block"] == wilson(1, 2)
    assert truth["classroom", False]["observe"] == wilson(1, 2)
    assert truth["hobby", False]["refused"] == wilson(0, 1)
    assert truth["all innocent", False]["refused"] == wilson(1, 3)


def test_the_record_has_shares_of_the_log() -> None:
    record = trial().record()
    block = next(row for row in record["by_effect"] if row["name"] == "block")
    assert block["account_share"] == pytest.approx(8 / 1000)
    assert block["request_share"] == pytest.approx(8 / 5000)


def test_nothing_found_is_nothing_touched() -> None:
    done = simulate(STANDARD, [], now=NOW)
    assert done.touched == ()
    assert "nobody would have been touched" in render_simulation(done, ("log",), NOW)


def test_the_page_escapes_and_loads_nothing() -> None:
    evil = "<script>alert(1)</script>\u202e"
    done = simulate(
        STANDARD, [lone(evil, sentence=evil), *CASES], now=NOW, accounts=1000, events=5000
    )
    page = render_simulation(done, (evil,), NOW)
    assert "<script" not in page
    assert "\u202e" not in page
    assert "default-src 'none'" in page
    assert "10 accounts would have been refused" in page
    for word in ("http://", "https://", "src="):
        assert word not in page


def test_bars_are_as_long_as_their_counts() -> None:
    parts = stacked({"block": 30, "held": 10}, 80)
    assert [(p.place, p.start, p.size) for p in parts] == [("block", 0, 37.5), ("held", 37.5, 12.5)]
    first, second = columns((("a", {"block": 10, "observe": 10}), ("b", {"held": 5})))
    assert first.total == 20
    assert sum(height for *_, height in first.parts) == pytest.approx(144)
    assert second.parts[0][3] == pytest.approx(36)
