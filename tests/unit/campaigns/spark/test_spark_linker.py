"""Linking on executors gives what kernels give here: scaffolds, streams, figures, campaigns and flags."""

from collections.abc import Iterator
from dataclasses import fields

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings

from stillwatch.campaigns.linking import KERNELS
from stillwatch.campaigns.plan import scaffolds_of
from stillwatch.campaigns.spark.linker import SparkLinker
from stillwatch.campaigns.spark.views import Views
from stillwatch.campaigns.streams import Streams
from stillwatch.detection.judge import DetectionOptions, Judgement, judge
from stillwatch.engines.spark.engine import SparkEngine
from stillwatch.engines.spark.merging import blocks
from stillwatch.engines.spark.task import batch_of
from stillwatch.profiles.merge import Profiles
from stillwatch.profiles.packed import packed
from tests.clusters import TWO_EXECUTORS, cluster, needs_spark
from tests.groups import World
from tests.linking import Found, Held, accounts, by_kernels, dense, relation, told

pytestmark = needs_spark

FAMILIES = ("reasoning", "format")


@pytest.fixture(scope="module", params=["local[2]", TWO_EXECUTORS])
def engine(request: pytest.FixtureRequest) -> Iterator[SparkEngine]:
    with cluster(request.param) as engine:
        yield engine


@pytest.fixture(scope="module")
def world() -> World:
    return World(4, groups=40)


def names(profiles: Profiles) -> list[str]:
    """Not in the order of their numbers, and not of one length."""
    return sorted(f"acct-{row * 7919 % 1000}" for row in range(profiles.size))


def linker(engine: SparkEngine, profiles: Profiles, seed: int) -> SparkLinker:
    """The profiles on the executors, in blocks and an order that ``seed`` decides."""
    rng = np.random.default_rng(seed)
    ids, order = names(profiles), rng.permutation(profiles.size)
    cuts = np.sort(rng.integers(0, profiles.size, 6))
    parts = [part for part in np.split(order, cuts) if part.size]
    batches = [
        batch_of(pa.array([ids[row] for row in part], pa.string()), packed(profiles[part]), 0)
        for part in parts
    ]
    table = pa.Table.from_batches(blocks(batches))
    return SparkLinker(engine.session.createDataFrame(table).repartition(3), ids)


def by_views(engine: SparkEngine, held: Held) -> Found:
    views = Views(engine.session)
    try:
        views.put("skeleton", engine.session.createDataFrame(relation(held)).repartition(3))
        return told(*scaffolds_of(views))
    finally:
        views.close()


def assert_same_streams(got: Streams, expected: Streams) -> None:
    for field in fields(Streams):
        ours, theirs = getattr(got, field.name), getattr(expected, field.name)
        assert ours.dtype == theirs.dtype
        assert ours.tobytes() == theirs.tobytes(), field.name


def judged(profiles: Profiles, exempt: np.ndarray, by: SparkLinker | None = None) -> Judgement:
    return judge(profiles, exempt, FAMILIES, FAMILIES[:1], DetectionOptions(), linker=by or KERNELS)


def test_spark_finds_the_scaffolds_of_a_large_component_and_no_hub(engine: SparkEngine) -> None:
    assert by_views(engine, dense()) == by_kernels(dense())


@given(accounts())
@settings(
    max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_spark_and_kernels_find_the_same_scaffolds(engine: SparkEngine, held: Held) -> None:
    assert by_views(engine, held) == by_kernels(held)


def test_campaigns_and_flags_are_those_of_the_kernels(engine: SparkEngine, world: World) -> None:
    exempt = np.zeros(world.profiles.size, np.bool_)
    exempt[::29] = True
    here = judged(world.profiles, exempt)
    there = judged(world.profiles, exempt, linker(engine, world.profiles, 1))
    assert_same_streams(there.groups.streams, here.groups.streams)
    assert there.groups.figures.tobytes() == here.groups.figures.tobytes()
    for name in ("scores", "p_values", "flagged", "campaign"):
        assert getattr(there, name).tobytes() == getattr(here, name).tobytes(), name
    assert len(here.groups.proposed) > 20
    assert [one.tolist() for one in there.groups.proposed] == [
        one.tolist() for one in here.groups.proposed
    ]
    assert not engine.session.catalog.listTables()


def test_no_account_and_no_pair_is_lost_over_other_blocks(
    engine: SparkEngine, world: World
) -> None:
    usable = np.ones(world.profiles.size, np.bool_)
    streams, scaffold = KERNELS.carried(world.profiles, usable)
    got, numbers = linker(engine, world.profiles, 2).carried(world.profiles, usable)
    assert_same_streams(got, streams)
    assert numbers.tolist() == scaffold.tolist()


def test_where_nobody_shares_anything_there_are_no_streams(
    engine: SparkEngine, world: World
) -> None:
    few = world.profiles[:3]
    streams, scaffold = linker(engine, few, 3).carried(few, np.ones(3, np.bool_))
    assert len(streams) == scaffold.size == 0
    assert linker(engine, few, 3).figures(few, streams, [], 0).shape[0] == 0
