"""The test of a group: natural groups pass it, one job does not."""

import numpy as np
import pytest
from scipy import stats

from stillwatch.campaigns.cohesion import NAMES
from stillwatch.campaigns.keys import collect
from stillwatch.detection.pooled import FACETS, GroupTest, group_test, natural_groups
from tests.groups import World


@pytest.fixture(scope="module")
def world() -> World:
    return World(1)


def compared(world: World, *groups: np.ndarray) -> GroupTest:
    return group_test(world.profiles, list(groups), world.natural, 0)


def test_a_job_stands_out_from_natural_groups(world: World) -> None:
    result = compared(world, world.job, *world.natural)
    assert result.p_values[0] < 0.01
    assert result.index[0] > result.index[1:].max()


def test_natural_groups_are_not_called_jobs_too_often() -> None:
    """Half of the groups serve as yardstick for the other half, over several worlds."""
    p_values = []
    for seed in range(4):
        world = World(100 + seed, groups=200)
        p_values.append(
            group_test(world.profiles, world.natural[100:], world.natural[:100], 0).p_values
        )
    p = np.concatenate(p_values)
    for level in (0.05, 0.01):
        rejected = int((p <= level).sum())
        chance = stats.binomtest(rejected, p.size, level, alternative="greater").pvalue
        assert chance > 1e-3, (level, rejected, p.size)


def test_the_order_of_members_and_groups_does_not_matter(world: World) -> None:
    rng = np.random.default_rng(2)
    groups = [world.job, *world.natural[:5]]
    result = compared(world, *groups)
    order = rng.permutation(len(groups))
    shuffled = compared(world, *[rng.permutation(groups[i]) for i in order])
    assert shuffled.p_values == pytest.approx(result.p_values[order])


def test_a_group_without_a_common_skeleton_shows_no_job(world: World) -> None:
    strangers = np.array([members[0] for members in world.natural[:12]])
    result = compared(world, strangers)
    assert result.p_values.tolist() == [1.0]
    assert result.index.tolist() == [0.0]


def test_without_a_yardstick_nothing_is_said(world: World) -> None:
    for natural in ([], world.natural[:5]):
        assert group_test(world.profiles, [world.job], natural, 0).p_values.tolist() == [1.0]


def test_no_groups_no_results(world: World) -> None:
    result = compared(world)
    assert result.p_values.size == result.index.size == 0
    assert result.take(np.empty(0, np.int64)).figures.shape == (0, len(NAMES))


def test_taking_rows_keeps_them_together(world: World) -> None:
    result = compared(world, world.job, world.natural[0])
    one = result.take(np.array([1]))
    assert one.index[0] == result.index[1]
    assert one.figures[0] == pytest.approx(result.figures[1], nan_ok=True)


def test_facets_are_figures_of_cohesion() -> None:
    assert set(FACETS) <= set(NAMES)


def test_natural_groups_are_disjoint_and_hold_a_key_in_common(world: World) -> None:
    keys = collect(world.profiles, None, 0.1)
    groups = natural_groups(keys, world.profiles.size)
    members = np.concatenate(groups)
    assert np.unique(members).size == members.size
    assert len(groups) >= 20

    def held(row: int) -> set[int]:
        return set(keys.keys[keys.starts[row] : keys.starts[row + 1]].tolist())

    for group in groups:
        assert group.size >= 4
        assert set.intersection(*(held(int(row)) for row in group))
