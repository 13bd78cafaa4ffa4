"""The judgement as a whole: who may be flagged, and that nothing depends on order or chance."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy import stats

from stillwatch.detection.judge import DetectionOptions, Judgement, judge
from stillwatch.profiles.merge import Profiles
from stillwatch.profiles.phrases import load_families, shipped_rules
from tests.groups import World
from tests.profiling import profiled
from tests.support import event

FAMILIES = load_families(shipped_rules() / "phrases")
TACTICS = tuple(family.name for family in FAMILIES if family.kind == "tactic")
OPTIONS = DetectionOptions(fdr=0.1)


def judged(
    profiles: Profiles,
    *,
    exempt: np.ndarray | None = None,
    baseline: Profiles | None = None,
    options: DetectionOptions = OPTIONS,
) -> Judgement:
    return judge(
        profiles,
        np.zeros(profiles.size, dtype=np.bool_) if exempt is None else exempt,
        tuple(family.name for family in FAMILIES),
        TACTICS,
        options,
        baseline,
    )


@cache
def world() -> World:
    return World(1, groups=60)


@cache
def plain() -> Judgement:
    return judged(world().profiles)


def test_a_job_among_products_is_reported_with_its_members() -> None:
    result = plain()
    assert any(
        np.isin(members, world().job).mean() > 0.9 and members.size >= 0.8 * world().job.size
        for members in result.campaigns.members
    )


@pytest.mark.parametrize("way", ["absent", "those of anybody"])
def test_a_job_is_reported_whatever_its_settings(way: str) -> None:
    profiles = world().profiles.copy()
    rng = np.random.default_rng(2)
    styles = rng.integers(1, 9, (profiles.size, 1)) if way == "those of anybody" else 1
    profiles["sample_style"] = styles
    result = judged(profiles)
    assert any(
        np.isin(members, world().job).mean() > 0.9 and members.size >= 0.8 * world().job.size
        for members in result.campaigns.members
    )


def test_campaigns_are_disjoint_flagged_and_numbered() -> None:
    result = plain()
    members = np.concatenate(result.campaigns.members)
    assert members.size == np.unique(members).size
    assert result.flagged[members].all()
    for number, group in enumerate(result.campaigns.members):
        assert group.size >= OPTIONS.least_campaign
        assert set(np.flatnonzero(result.campaign == number)) == set(group.tolist())
        pooled = result.campaigns.profiles[number]["events"]
        assert pooled >= world().profiles["events"][group].sum()
    assert (result.campaign[~np.isin(np.arange(result.campaign.size), members)] == -1).all()


def test_every_number_is_in_its_range() -> None:
    result = plain()
    assert ((result.p_values > 0) & (result.p_values <= 1)).all()
    assert np.isfinite(result.scores).all()
    known = result.below[~np.isnan(result.below)]
    assert ((known >= 0) & (known <= 1)).all()
    assert result.self_calibrated


def test_a_second_run_is_the_same() -> None:
    first, second = plain(), judged(world().profiles)
    for name in ("scores", "p_values", "flagged", "campaign"):
        assert np.array_equal(getattr(first, name), getattr(second, name)), name


def groups(result: Judgement, names: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(names[members].tolist()) for members in result.campaigns.members}


def test_the_order_of_the_accounts_does_not_matter() -> None:
    n = world().profiles.size
    order = np.random.default_rng(3).permutation(n)
    result, shuffled = plain(), judged(world().profiles[order])
    assert groups(shuffled, order) == groups(result, np.arange(n))
    assert np.array_equal(shuffled.flagged, result.flagged[order])
    assert shuffled.signals == pytest.approx(result.signals[order], nan_ok=True)
    assert shuffled.p_values == pytest.approx(result.p_values[order], rel=1e-6)


def test_exempt_accounts_are_scored_but_never_flagged_nor_joined() -> None:
    exempt = np.zeros(world().profiles.size, dtype=np.bool_)
    exempt[world().job[::2]] = True
    exempt[::7] = True
    result = judged(world().profiles, exempt=exempt)
    assert not result.flagged[exempt].any()
    assert (result.campaign[exempt] == -1).all()
    assert not any(exempt[members].any() for members in result.campaigns.members)
    assert (result.scores[exempt] > 0).any()
    assert result.reference_accounts == int((~exempt).sum())


def test_all_exempt_flags_nobody() -> None:
    result = judged(world().profiles, exempt=np.ones(world().profiles.size, dtype=np.bool_))
    assert not result.flagged.any()
    assert result.campaigns.members == []
    assert result.reference_accounts == 0


def one_account(n: int = 20) -> Profiles:
    return profiled([event(i) for i in range(n)]).profiles


@pytest.mark.parametrize("size", [0, 1, 2])
def test_hardly_anybody(size: int) -> None:
    result = judged(one_account()[[0] * size])
    assert not result.flagged.any()
    assert result.scores.shape == result.p_values.shape == (size,)
    assert result.campaigns.members == []
    assert "reference" in result.notes[0]


def test_all_accounts_alike_accuse_nobody() -> None:
    result = judged(np.repeat(one_account(), 300))
    assert not result.flagged.any()
    assert np.unique(result.scores).size == 1


def test_accounts_with_few_requests_are_not_judged_alone() -> None:
    few = profiled([event(i, account_id=f"f{i % 9}") for i in range(27)]).profiles
    result = judged(np.concatenate([world().profiles, few]))
    assert (result.p_values[-9:] == 1).all()
    assert not result.flagged[-9:].any()


def test_nobody_with_enough_requests() -> None:
    few = profiled([event(i, account_id=f"f{i % 50}") for i in range(150)]).profiles
    result = judged(few)
    assert not result.flagged.any()
    assert result.reference_accounts == 0


def odd(n: int) -> Profiles:
    rows: list[dict[str, Any]] = []
    for i in range(n * 12):
        prompt = f"think step by step and show your full chain of thought {i * 7919}"
        rows.append(event(i, event_id=f"odd-{i}", account_id=f"odd{i % n}", prompt=prompt, turn=0))
    return profiled(rows).profiles


def test_a_baseline_cannot_say_less_than_its_size_allows() -> None:
    baseline = World(7, groups=30).profiles
    result = judged(np.concatenate([odd(3), world().profiles]), baseline=baseline)
    alone = result.campaign == -1
    assert not result.self_calibrated
    assert result.reference_accounts == baseline.size
    assert result.p_values[alone].min() >= 1 / (baseline.size + 1) - 1e-12


def test_a_baseline_is_not_judged_and_the_guilty_do_not_move_it() -> None:
    baseline = World(7, groups=30).profiles
    few = judged(world().profiles[:50], baseline=baseline)
    many = judged(np.concatenate([world().profiles[:50], odd(40)]), baseline=baseline)
    assert few.scores.size == 50
    assert many.signals[:50] == pytest.approx(few.signals, nan_ok=True)
    assert many.below[:50] == pytest.approx(few.below, nan_ok=True)


def test_benign_accounts_against_a_baseline_of_their_kind_are_rarely_accused() -> None:
    baseline, fresh = World(7, groups=40), World(8, groups=40)
    kept = fresh.profiles[: fresh.job[0]]
    result = judged(kept, baseline=baseline.profiles[: baseline.job[0]])
    assert (result.p_values[result.campaign == -1] <= 0.05).mean() < 0.15


def test_an_empty_baseline_accuses_nobody_alone() -> None:
    result = judged(world().profiles, baseline=one_account(3))
    assert result.reference_accounts == 0
    assert (result.p_values[result.campaign == -1] == 1).all()


def test_a_looser_promise_flags_no_fewer() -> None:
    flagged = [
        int(judged(world().profiles, options=replace(OPTIONS, fdr=rate)).flagged.sum())
        for rate in (0.001, 0.1, 0.5)
    ]
    assert flagged == sorted(flagged)


def test_members_of_campaigns_rank_above_everybody_else_in_a_group() -> None:
    result = plain()
    members = result.campaign >= 0
    grouped = np.unique(result.groups.streams.owner)
    others = grouped[~members[grouped]]
    alone = stats.norm.isf(result.p_values[others]) < 1.5
    assert result.scores[members].min() > result.scores[others[alone]].max()


def test_a_baseline_without_groups_is_said_to_lack_them() -> None:
    lonely = profiled([event(i, account_id=f"b{i % 40}") for i in range(800)]).profiles
    result = judged(world().profiles, baseline=lonely)
    assert any("baseline has fewer than" in note for note in result.notes)
    assert not any("baseline has fewer" in note for note in plain().notes)
