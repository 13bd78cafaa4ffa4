"""Cohesion: one pool looks like one pool, people with their own topics do not."""

from typing import Any

import numpy as np
import pytest

from stillwatch.campaigns.cohesion import NAMES, _turns, _unity, between_accounts, cohesion, core
from stillwatch.campaigns.streams import Streams, streams_of
from stillwatch.profiles.merge import Profiles
from tests.profiling import profiled
from tests.support import event

SCAFFOLD = "first restate the task then reason through every step and only then answer about"
SUBJECTS = (
    "volcanoes", "contracts", "sourdough", "databases", "poetry", "antibiotics", "football",
    "interest", "compilers", "birds", "opera", "chess", "soil", "engines", "taxes", "kanji",
    "weddings", "knots", "solar", "dogs", "glaciers", "perfume", "bridges", "jazz",
)  # fmt: skip


def rows_of(
    kind: str, *, members: int = 12, events: int = 20, seed: int = 0
) -> list[dict[str, Any]]:
    """Accounts that share a scaffold: ``pool`` shares subjects and settings too, ``own`` has
    its own of each, ``repeat`` sends the same few prompts."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for member in range(members):
        for i in range(events):
            n = len(rows)
            topic = int(rng.integers(len(SUBJECTS))) if kind == "pool" else member
            subject = SUBJECTS[topic % len(SUBJECTS)]
            letters = "".join(chr(97 + int(d)) for d in str(n))
            detail = (
                f"{subject} {subject} {letters}"
                if kind != "repeat"
                else f"item {'abcdefgh'[i % 8]}"
            )
            own = {"temperature": 0.0, "max_tokens": 512}
            if kind == "own":
                own = {"temperature": member / 10, "max_tokens": 100 * member + 1}
            rows.append(event(n, account_id=f"a{member}", prompt=f"{SCAFFOLD} {detail}", **own))
    return rows


def group(kind: str, **shape: int) -> tuple[Profiles, Streams]:
    profiles = profiled(rows_of(kind, **shape)).profiles
    return profiles, streams_of(profiles)


def figures(kind: str, **shape: int) -> dict[str, float]:
    return cohesion_of(rows_of(kind, **shape))


def cohesion_of(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Facets of all streams taken as one group."""
    profiles = profiled(rows).profiles
    streams = streams_of(profiles)
    values = cohesion(profiles, streams, [np.arange(len(streams))], 0)[0]
    return dict(zip(NAMES, values.tolist(), strict=True))


def test_one_pool_is_exchangeable_and_own_topics_and_settings_are_not() -> None:
    pool, own = figures("pool"), figures("own")
    assert between_accounts(pool["wording_unity"]) < 0.05
    assert between_accounts(own["wording_unity"]) > 0.3
    assert pool["settings_unity"] > own["settings_unity"]
    assert between_accounts(own["settings_unity"]) > 0.9


def test_accounts_that_a_scheduler_serves_take_turns_and_people_work_in_bursts() -> None:
    account = np.repeat(np.arange(10), 20)
    in_turns = np.tile(np.arange(20), 10) * 10 + account
    in_bursts = np.arange(200)
    ties = mixed = np.random.default_rng(1).permutation(200)
    turns, bursts, chance = (_turns(times, ties, account) for times in (in_turns, in_bursts, mixed))
    assert turns > 1.5
    assert abs(chance) < 0.5
    assert bursts < -1.5
    assert _turns(np.zeros(200), ties, account) == chance  # a log without times says nothing


def test_shares_of_scaffolded_traffic_differ_where_cover_does() -> None:
    rows = rows_of("pool", members=6, events=10)
    assert cohesion_of(rows)["disguise"] == 0
    rows += [
        event(1000 + n, account_id=f"a{n % 3}", prompt=f"about {n} {chr(97 + n % 26) * 5}")
        for n in range(90)
    ]
    assert cohesion_of(rows)["disguise"] > 0.3


def test_prompts_shared_out_do_not_overlap_and_repeated_ones_do() -> None:
    pool, repeat = figures("pool"), figures("repeat")
    assert pool["overlap"] < 0.05
    assert repeat["overlap"] > 0.9
    assert pool["repeats"] == 0
    assert repeat["repeats"] > 0.5


def test_a_settings_column_that_nobody_sends_parts_nobody() -> None:
    rows = [
        {key: value for key, value in row.items() if key not in ("temperature", "max_tokens")}
        for row in rows_of("own")
    ]
    profiles = profiled(rows).profiles
    streams = streams_of(profiles)
    got = cohesion(profiles, streams, [np.arange(len(streams))], 0)[0]
    assert np.isnan(got[NAMES.index("system_unity")])
    assert np.isnan(got[NAMES.index("output")])


@pytest.mark.parametrize("kind", ["pool", "own", "repeat"])
def test_the_order_of_the_streams_does_not_matter(kind: str) -> None:
    profiles, streams = group(kind)
    order = np.random.default_rng(1).permutation(len(streams))
    forward, shuffled = cohesion(profiles, streams, [np.arange(len(streams)), order], 0)
    assert shuffled == pytest.approx(forward, nan_ok=True)


def test_volume_does_not_move_unity() -> None:
    """Accounts that differ a little: the share of variance is the same in 8 events as in 60."""

    def share(events: int, seed: int) -> float:
        rng = np.random.default_rng(seed)
        account = np.repeat(np.arange(30), events)
        likes = rng.integers(0, 2**62, 30).astype(np.uint64)
        noise = rng.integers(0, 2**62, account.size).astype(np.uint64)
        own = rng.random(account.size) < 0.3
        codes = np.where(own, likes[account], noise)
        return between_accounts(float(_unity(codes, account, 30, 62, False)))

    few, many = ([share(n, s) for s in range(30)] for n in (8, 60))
    error = np.hypot(np.std(few), np.std(many)) / np.sqrt(30)
    assert 0.05 < np.mean(many) < 0.15
    assert abs(np.mean(few) - np.mean(many)) < 4 * error + 0.002


def test_core_events_are_those_of_the_scaffold_each_prompt_once_per_account() -> None:
    rows = rows_of("pool", members=3, events=6)
    rows += [{**row, "event_id": f"again-{row['event_id']}"} for row in rows[:4]]
    rows += [event(900 + i, account_id="a0", prompt=f"chatter {i} and more {i}") for i in range(9)]
    profiles = profiled(rows).profiles
    streams = streams_of(profiles)
    events = core(profiles, streams, np.arange(len(streams)))
    assert events.account.size == 18
    assert events.requests == 22
    assert events.accounts == 3
