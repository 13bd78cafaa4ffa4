"""Arrivals: nights, weekends, lessons, schedules, and the job scheduler."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from stillwatch.simulation.arrivals import DAY, join, ordinary, scheduled
from stillwatch.simulation.interface import CLOCKS, CampaignPlan, Rows
from stillwatch.simulation.populations import NAMES, POPULATIONS
from stillwatch.simulation.recruit import accounts_of
from stillwatch.simulation.tactics import TACTICS

MONDAY, SATURDAY = 0, 5


def _rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def _people(name: str, n: int = 500) -> Rows:
    return accounts_of(_rng(), POPULATIONS[NAMES[name]], NAMES[name], n, release=5.0)


PLAN = CampaignPlan(
    campaign_id="campaign-001", number=0, tactic="seed_task_sweep", target=TACTICS[3].targets[0],
    key=12, rate=30.0, cover=0.5, noise=0.0, shared=False, balanced=True, mimic=False, duty=0.9,
    zone=0, start=-1.0, release=5.0, days=10, heads=pa.array(["a "]), tails=pa.array([""]),
)  # fmt: skip


def test_people_sleep_in_their_own_time_zone() -> None:
    people = _people("shared_address")
    asked = ordinary(_rng(), people, 0, MONDAY)
    local = (
        asked.seconds[asked.turn == 0] / 3600 + people["zone"][asked.account][asked.turn == 0]
    ) % 24
    assert np.mean((local > 1) & (local < 6)) < 0.06
    assert np.mean((local > 8) & (local < 19)) > 0.6


def test_offices_are_quiet_at_weekends() -> None:
    people = _people("shared_address")
    weekday = len(ordinary(_rng(), people, 0, MONDAY).account)
    assert len(ordinary(_rng(), people, 5, SATURDAY).account) < 0.6 * weekday


def test_a_class_meets_in_one_hour() -> None:
    pupils = _people("classroom")
    days = [ordinary(_rng(day), pupils, day, MONDAY) for day in range(6)]
    spans = [
        np.ptp(asked.seconds[(pupils["site"][asked.account] == site) & (asked.turn == 0)])
        for asked in days
        for site in np.unique(pupils["site"][asked.account])
    ]
    assert len(spans) > 10
    assert np.median(spans) < 3600


def test_schedules_keep_their_interval() -> None:
    machines = _people("templated_pipeline", 300)
    machines["clock"] = CLOCKS.index("cron")
    asked = ordinary(_rng(), machines, 0, MONDAY)
    first = asked.turn == 0
    offsets = asked.seconds[first] % 300
    own = [np.std(offsets[asked.account[first] == a]) for a in np.unique(asked.account[first])]
    assert np.median(own) < 20


@pytest.mark.parametrize("name", ["agent_framework", "hobby_chat", "nightly_batch"])
def test_no_request_leaves_its_day_and_turns_are_in_order(name: str) -> None:
    asked = join([ordinary(_rng(), _people(name), 0, MONDAY)])
    assert asked.seconds.min() >= 0
    assert asked.seconds.max() < DAY
    assert (np.diff(asked.seconds) >= 0).all()
    for thread in np.unique(asked.thread)[:200]:
        turns = asked.turn[asked.thread == thread]
        assert turns.tolist() == list(range(len(turns)))


def test_a_balanced_job_spreads_over_its_accounts() -> None:
    people = _people("hobby_chat", 40)
    job = scheduled(_rng(), people, np.arange(40), PLAN, 1, MONDAY, 100)
    per_account = np.bincount(job.account, minlength=40)
    assert (per_account > 0).sum() > 20
    assert per_account.max() < 0.2 * len(job.account)
    assert len(job.account) == pytest.approx(40 * 15, rel=0.6)


def test_a_job_never_asks_an_item_twice_but_for_retries() -> None:
    people = _people("hobby_chat", 40)
    job = scheduled(_rng(), people, np.arange(40), PLAN, 1, MONDAY, 1000)
    items = job.item[job.turn == 0]
    assert (items >= 0).all()
    new = items[items >= 1000]
    assert len(np.unique(new)) == len(new)
    assert np.mean(items < 1000) < 0.1


def test_a_mimicking_job_lets_its_accounts_sleep() -> None:
    people = _people("hobby_chat", 60)
    plan = replace(PLAN, mimic=True)
    parts = [scheduled(_rng(day), people, np.arange(60), plan, day, MONDAY, 0) for day in range(4)]
    job = join(parts)
    local = (job.seconds // 3600 + people["zone"][job.account]) % 24
    assert np.mean((local >= 1) & (local < 5)) < 0.03


def test_a_job_waits_for_its_start_and_stops_with_its_accounts() -> None:
    people = _people("hobby_chat", 10)
    assert (
        len(scheduled(_rng(), people, np.arange(10), replace(PLAN, start=4.0), 2, 0, 0).item) == 0
    )
    people["last"] = 1.0
    assert len(scheduled(_rng(), people, np.arange(10), PLAN, 2, 0, 0).item) == 0


def test_a_burst_fills_a_few_hours() -> None:
    people = _people("hobby_chat", 60)
    job = scheduled(_rng(), people, np.arange(60), replace(PLAN, burst=0.7), 1, MONDAY, 0)
    hours = np.bincount((job.seconds // 3600).astype(int), minlength=24)
    assert np.sort(hours)[-5:].sum() > 0.6 * hours.sum()
