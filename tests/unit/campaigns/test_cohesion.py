"""Cohesion: one pool looks like one pool, people with their own topics do not."""

from typing import Any

import numpy as np
import pytest

from stillwatch.campaigns.cohesion import NAMES, between_accounts, cohesion, cores
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


def test_core_events_are_those_of_the_scaffold_each_prompt_once_per_account() -> None:
    rows = rows_of("pool", members=3, events=6)
    rows += [{**row, "event_id": f"again-{row['event_id']}"} for row in rows[:4]]
    rows += [event(900 + i, account_id="a0", prompt=f"chatter {i} and more {i}") for i in range(9)]
    profiles = profiled(rows).profiles
    streams = streams_of(profiles)
    everything = np.arange(len(streams))
    found = cores(profiles, streams, [everything, everything[1:]])
    assert found.events.tolist() == [18, 12]
    assert found.requests.tolist() == [22, 12]
    assert found.accounts.tolist() == [3, 2]
    assert found.account.tolist() == [0] * 6 + [1] * 6 + [2] * 6 + [0] * 6 + [1] * 6


def test_a_group_is_measured_alike_alone_and_among_others() -> None:
    profiles, streams = group("pool")
    halves = [np.arange(6), np.arange(6, 12), np.arange(12)]
    together = cohesion(profiles, streams, halves, 1)
    alone = np.concatenate([cohesion(profiles, streams, [half], 1) for half in halves])
    assert together == pytest.approx(alone, nan_ok=True)
    assert cohesion(profiles, streams, [], 1).shape == (0, len(NAMES))
