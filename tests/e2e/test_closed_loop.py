"""The closed loop of ``make demo``, smaller: labs, hub, evaluators, gateways as processes."""

import json
from pathlib import Path

import psutil
import pytest

from examples.closed_loop.story import Outcome, tell
from examples.closed_loop.world import Plan
from examples.closed_loop.worlds import BETA, GAMMA

PLAN = Plan(seed=1, accounts=900, days=5, seats=(22, 8, 8), newcomers=8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("loop") / "demo"


@pytest.fixture(scope="module")
def done(folder: Path) -> Outcome:
    lines: list[str] = []
    outcome = tell(folder, PLAN, lines.append)
    assert [line[0] for line in lines if line[0].isdigit()] == [*"123456789"[:5], *"789"]
    return outcome


def test_sharing_pays_and_costs_no_innocent(done: Outcome, folder: Path) -> None:
    # what four hours of review let through weighs more in one day than in the demo's three
    assert done.leaked(done.alone) > 100, "there is something to save"
    assert done.fall >= 0.6
    assert done.blocked == 0
    figures = json.loads((folder / "figures.json").read_text())
    assert figures["leaked_together"] == sum(
        figures["labs"]["together"][lab]["harvested"] for lab in (BETA, GAMMA)
    )
    for lab in (BETA, GAMMA):
        log = (folder / lab / "gateway.jsonl").read_text()
        rows = [json.loads(line) for line in log.splitlines()]
        refused = [row for row in rows if not row["allowed"]]
        assert {row["status"] for row in refused} == {403}
        assert all(row["decision"].startswith("decision--") for row in refused)
        assert {row["effect"] for row in refused} == {"challenge", "block"}
        assert sum(row["allowed"] for row in rows) > 100


def test_others_recognise_confirm_and_find_what_they_missed(done: Outcome) -> None:
    notes = done.together.notes
    assert all(notes["recognised"][lab] > 0 for lab in (BETA, GAMMA))
    assert notes["missed"][GAMMA] > 0
    before, after = notes["weight"]
    assert after > before
    for lab in (BETA, GAMMA):
        assert done.together.figures[lab].sign_ups["asked for proof"] > 0
        assert max(done.together.figures[lab].in_force_s) < 10


def test_an_innocent_at_the_edge_is_cleared_everywhere(done: Outcome) -> None:
    appeal = done.together.notes["appeal"]
    assert appeal["claims"] >= 1
    assert appeal["left_at_gamma"] == 0
    for lab in (BETA, GAMMA):
        hours = done.together.figures[lab].challenged["s-owner-of-a-card"]
        assert 0 < hours <= 3


def test_reports_lie_there_and_no_process_is_left(done: Outcome, folder: Path) -> None:
    page = (folder / "story.html").read_text()
    assert f"{done.fall:.0%} fewer" in page
    assert page.count("<svg") == 3
    for report in ("alpha/result/report.html", "correlation/report.html"):
        assert (folder / report).exists()
        assert report in page
    ours = [
        p
        for p in psutil.process_iter(["cmdline"])
        if str(folder) in " ".join(p.info["cmdline"] or [])
    ]
    assert ours == []
