"""Suspected groups: below the bar, with honest p-values, each account told once."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from stillwatch.detection import suspects
from stillwatch.detection.groups import PARTS
from stillwatch.detection.judge import DetectionOptions, Judgement, judge
from stillwatch.detection.suspects import BAR, spans_of, suspects_of
from tests.groups import World
from tests.profiling import families


@cache
def judged() -> tuple[World, Judgement]:
    world = World(1)
    nobody = np.zeros(world.profiles.size, dtype=np.bool_)
    return world, judge(world.profiles, nobody, families().names, (), DetectionOptions())


def test_campaigns_come_first_and_suspects_by_p_value():
    _, told = judged()
    groups = suspects_of(told, 0.05).groups
    reported = [one.campaign for one in groups if one.campaign >= 0]
    assert reported == list(range(len(told.campaigns.members)))
    p_values = [one.p_value for one in groups[len(reported) :]]
    assert p_values == sorted(p_values)
    assert all(one.campaign < 0 for one in groups[len(reported) :])


def test_p_values_are_those_of_the_yardstick_and_none_is_above_the_bar():
    _, told = judged()
    found = suspects_of(told, 0.05)
    own = told.yardstick.test(told.groups.figures).p_values
    suspected = [one.p_value for one in found.groups if one.campaign < 0 and one.accounts.size >= 6]
    assert suspected
    assert set(suspected) <= set(own.tolist())
    assert max(suspected) <= found.bar == BAR
    assert sum(own <= BAR) >= len(suspected)


def test_a_wider_promise_widens_the_bar():
    _, told = judged()
    assert suspects_of(told, 0.2).bar == 0.2
    assert len(suspects_of(told, 0.2).groups) >= len(suspects_of(told, 0.05).groups)


def test_groups_that_stand_share_few_accounts():
    _, told = judged()
    taken: set[int] = set()
    for one in suspects_of(told, 0.9).groups:
        rows = set(one.accounts.tolist())
        if one.stands:
            assert len(rows & taken) <= 0.2 * len(rows)
            taken |= rows


def test_parts_too_small_for_a_campaign_are_suspected_and_counted_as_tested():
    _, told = judged()
    found = suspects_of(told, 0.05)
    assert found.tested == len(told.groups.proposed) + len(told.groups.small)
    assert all(PARTS <= group.size < 6 for group in told.groups.small)
    assert told.groups.small


def test_more_than_are_kept_are_counted(monkeypatch: pytest.MonkeyPatch):
    _, told = judged()
    whole = suspects_of(told, 0.05)
    monkeypatch.setattr(suspects, "MOST", 2)
    few = suspects_of(told, 0.05)
    assert sum(one.campaign < 0 for one in few.groups) == 2
    assert few.beyond == sum(one.campaign < 0 for one in whole.groups) - 2


def test_without_natural_groups_nobody_is_suspected():
    _, told = judged()
    few = replace(told.yardstick, figures=told.yardstick.figures[:5])
    nothing = replace(told, yardstick=few, campaigns=replace(told.campaigns, streams=[]))
    assert suspects_of(nothing, 0.05).groups == ()


def test_spans_are_of_the_accounts_alone():
    world, _ = judged()
    rows = world.job[:3]
    events, first, last = spans_of(world.profiles, rows)
    assert events == world.profiles["events"][rows].sum()
    assert first <= last
