"""Cohesion: one pool looks like one pool, people with their own topics do not."""

from typing import Any

import numpy as np
import pytest

from stillwatch.campaigns.cohesion import NAMES, cohesion, core_mask
from stillwatch.profiles.fields import SAMPLE
from stillwatch.profiles.merge import Profiles
from tests.profiling import profiled
from tests.support import event

SCAFFOLD = "first restate the task then reason through every step and only then answer about"
SUBJECTS = (
    "volcanoes", "contracts", "sourdough", "databases", "poetry", "antibiotics", "football",
    "interest", "compilers", "birds", "opera", "chess", "soil", "engines", "taxes", "kanji",
    "weddings", "knots", "solar", "dogs", "glaciers", "perfume", "bridges", "jazz",
)  # fmt: skip


def group(kind: str, *, members: int = 12, events: int = 20, seed: int = 0) -> Profiles:
    """Accounts that share a scaffold: ``pool`` shares subjects too, ``own`` has one each,
    ``repeat`` sends the same few prompts."""
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
            rows.append(event(n, account_id=f"a{member}", prompt=f"{SCAFFOLD} {detail}"))
    return profiled(rows).profiles


def figures(profiles: Profiles) -> dict[str, float]:
    values = cohesion(profiles, [np.arange(profiles.size)], 0)[0]
    return dict(zip(NAMES, values.tolist(), strict=True))


def test_one_pool_has_no_locality_and_own_topics_do() -> None:
    pool, own = figures(group("pool")), figures(group("own"))
    assert abs(pool["locality"]) < 0.5
    assert own["locality"] > 1
    assert pool["content_unity"] == pytest.approx(1, abs=0.1)
    assert own["content_unity"] < pool["content_unity"] - 0.1


def test_prompts_shared_out_do_not_overlap_and_repeated_ones_do() -> None:
    assert figures(group("pool"))["overlap"] < 0.05
    assert figures(group("repeat"))["overlap"] > 0.9


@pytest.mark.parametrize("kind", ["pool", "own", "repeat"])
def test_the_order_of_the_members_does_not_matter(kind: str) -> None:
    profiles = group(kind)
    order = np.random.default_rng(1).permutation(profiles.size)
    forward, shuffled = cohesion(profiles, [np.arange(12), order], 0)
    assert shuffled == pytest.approx(forward, nan_ok=True)


def test_volume_does_not_move_unity() -> None:
    few = [figures(group("pool", events=8, seed=s))["content_unity"] for s in range(30)]
    many = [figures(group("pool", events=80, seed=s))["content_unity"] for s in range(30)]
    error = np.hypot(np.std(few), np.std(many)) / np.sqrt(30)
    assert abs(np.mean(few) - np.mean(many)) < 4 * error + 0.02


def test_core_events_are_those_of_the_scaffold() -> None:
    rows = []
    for member in range(8):
        for i in range(20):
            letters = "".join(chr(97 + int(d)) for d in str(20 * member + i))
            cover = f"{letters} {' '.join(c + letters for c in 'qwertzuiop')}"
            prompt = f"{SCAFFOLD} {letters}" if i % 2 else cover
            rows.append(event(20 * member + i, account_id=f"a{member}", prompt=prompt))
    profiles = profiled(rows).profiles
    mask = core_mask(profiles)
    assert mask.shape == (8, SAMPLE)
    scaffolded = np.unique(profiles["sample_template"][mask])
    assert scaffolded.size == 1
    assert (mask.sum(axis=1) == 10).all()
    assert figures(profiles)["core_share"] == pytest.approx(0.5)


def test_without_a_skeleton_there_is_no_core() -> None:
    rows = []
    for n in range(80):
        letters = "".join(chr(97 + int(d)) for d in f"{n:03d}")
        rows.append(
            event(n, account_id=f"a{n % 8}", prompt=" ".join(c + letters for c in "abcdef"))
        )
    profiles = profiled(rows).profiles
    assert not core_mask(profiles).any()
    got = figures(profiles)
    assert np.isnan(got["locality"])
    assert np.isnan(got["overlap"])
    assert got["core_share"] == 0


def test_one_member_has_no_cohesion() -> None:
    values = cohesion(group("pool"), [np.arange(1)], 0)[0]
    known = dict(zip(NAMES, values.tolist(), strict=True))
    assert all(np.isnan(value) for name, value in known.items() if name != "core_share")


def test_no_groups() -> None:
    assert cohesion(group("pool", members=2), [], 0).shape == (0, len(NAMES))
