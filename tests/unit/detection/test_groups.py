"""Groups: campaigns are disjoint, and each stands on accounts not reported before."""

from dataclasses import replace
from functools import cache

import numpy as np

from stillwatch.campaigns.cohesion import NAMES
from stillwatch.detection.groups import Chosen, Groups, choose
from stillwatch.detection.pooled import Yardstick
from stillwatch.profiles.fields import EMPTY, SAMPLE
from stillwatch.profiles.merge import empty
from tests.cohesion import jobs, natural
from tests.groups import World
from tests.streams import made

LEAST = 4


@cache
def found() -> tuple[World, Groups]:
    world = World(1)
    usable = np.ones(world.profiles.size, dtype=np.bool_)
    return world, Groups.find(world.profiles, usable, 0, least=LEAST)


def chosen(groups: Groups, fdr: float = 0.1) -> Chosen:
    yardstick = Yardstick.learn(groups.figures)
    return choose(groups, yardstick, yardstick.test(groups.figures), fdr=fdr, least=LEAST)


def test_products_and_the_job_are_proposed_apart() -> None:
    world, groups = found()
    proposed = [set(groups.accounts(group).tolist()) for group in groups.proposed]
    for members in [world.job, *world.natural]:
        assert any(
            len(p & set(members.tolist())) / len(p | set(members.tolist())) > 0.7 for p in proposed
        )


def test_the_job_is_chosen_first() -> None:
    world, groups = found()
    first = chosen(groups).members[0]
    assert np.isin(first, world.job).all()
    assert first.size >= 0.8 * world.job.size


def test_campaigns_are_disjoint_and_large_enough() -> None:
    campaigns = chosen(found()[1], fdr=0.9)
    members = np.concatenate(campaigns.members)
    assert members.size == np.unique(members).size
    assert min(m.size for m in campaigns.members) >= LEAST
    assert len(campaigns.members) == len(campaigns.streams) == campaigns.test.p_values.size


def test_the_same_group_proposed_twice_is_one_campaign() -> None:
    world, groups = found()
    job = next(g for g in groups.proposed if np.isin(groups.accounts(g), world.job).all())
    proposed = [*groups.proposed, job[:-1], job[1:]]
    figures = np.concatenate([groups.figures, groups.measure([job[:-1], job[1:]])])
    again = Groups(groups.profiles, groups.streams, groups.tactic_mask, proposed, figures)
    yardstick = Yardstick.learn(groups.figures)
    campaigns = choose(again, yardstick, yardstick.test(figures), fdr=0.1, least=LEAST)
    assert sum(np.isin(m, world.job).any() for m in campaigns.members) == 1


def test_what_is_left_of_a_mixed_group_must_stand_on_its_own() -> None:
    world, groups = found()
    yardstick = Yardstick.learn(groups.figures)
    job = next(g for g in groups.proposed if np.isin(groups.accounts(g), world.job).all())
    plain = groups.proposed[int(yardstick.test(groups.figures).p_values.argmax())]
    innocent = groups.accounts(plain)
    assert not np.isin(innocent, world.job).any()
    mixed = np.sort(np.concatenate([job, plain]))
    nearly = groups.measure([job])  # nearly as strong as the job
    nearly[0, NAMES.index("family_unity")] -= 0.1
    figures = np.concatenate([groups.figures, nearly])
    again = Groups(
        groups.profiles, groups.streams, groups.tactic_mask, [*groups.proposed, mixed], figures
    )
    campaigns = choose(again, yardstick, yardstick.test(figures), fdr=0.1, least=LEAST)
    reported = np.concatenate(campaigns.members)
    assert np.isin(world.job, reported).mean() > 0.8
    assert not np.isin(innocent, reported).any()


def test_two_jobs_in_one_group_are_reported_apart() -> None:
    """Together they are more accounts, hence surer, but less alike than each."""
    _, groups = found()
    whole = max(groups.proposed, key=len)
    half = whole[: LEAST + 2]
    figures = np.repeat(jobs(1, 1, strength=9.0), 2, axis=0)
    figures[:, NAMES.index("accounts")] = np.log([half.size, 100])
    figures[1, NAMES.index("wording_unity")] = 0.0
    again = Groups(groups.profiles, groups.streams, groups.tactic_mask, [half, whole], figures)
    yardstick = Yardstick.learn(natural(200, 1))
    test = yardstick.test(figures)
    assert test.index[1] > test.index[0]
    campaigns = choose(again, yardstick, test, fdr=0.1, least=LEAST)
    assert any(np.array_equal(m, groups.accounts(half)) for m in campaigns.members)


def test_who_tried_a_scaffold_twice_is_no_member_unless_it_asks_little_else() -> None:
    profiles, count = empty(10), [30] * 4 + [2] * 6  # more try it than work with it
    profiles["sample_key"][:, :40] = 1
    profiles["sample_key"][9, 4:] = EMPTY
    profiles["sample_prompt"] = np.arange(SAMPLE)
    starts = np.concatenate([[0], np.cumsum(count)])
    slots = np.concatenate([np.arange(n) for n in count])
    streams = replace(made([[1]] * 10), event_starts=starts, slots=slots)
    group = np.arange(10)
    figures = jobs(1, 1, strength=9.0)
    groups = Groups(profiles, streams, 0, [group], figures)
    yardstick = Yardstick.learn(natural(200, 1))
    (members,) = choose(groups, yardstick, yardstick.test(figures), fdr=0.1, least=LEAST).members
    assert members.tolist() == [0, 1, 2, 3, 9]


def test_nothing_proposed_nothing_chosen() -> None:
    _, groups = found()
    none = Groups(groups.profiles, groups.streams, groups.tactic_mask, [], groups.figures[:0])
    assert chosen(none).members == []
