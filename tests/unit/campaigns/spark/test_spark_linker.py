"""Linking on executors gives what kernels give here: scaffolds, streams, figures, campaigns and flags."""

import random
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest

from stillwatch.campaigns.definitions import HOLDING
from stillwatch.campaigns.relations import make_all
from stillwatch.campaigns.spark.views import Views
from stillwatch.engines.spark.engine import SparkEngine
from tests.clusters import cluster, needs_spark
from tests.groups import World
from tests.linking import by_kernels, dense, made_up, relation
from tests.sparklinking import QUICK, assert_same_judgement, by_views, linker

pytestmark = needs_spark


@pytest.fixture(scope="module")
def engine() -> Iterator[SparkEngine]:
    with cluster("local[2]", conf=QUICK) as engine:
        yield engine


@pytest.fixture(scope="module")
def world() -> World:
    return World(4, groups=40)


def test_spark_and_kernels_find_the_same_scaffolds(engine: SparkEngine) -> None:
    """Many small worlds at once, each with shingles of its own, and one with a large component."""
    held = dense()
    for n in range(20, 40):
        for own in made_up(random.randrange(2**32)):
            held.append([key + 200 * n if key < 60 else key for key in own])
    expected = by_kernels(held)
    assert len(expected[0]) > 100
    assert by_views(engine, held) == expected


def test_hubs_are_taken_out_where_their_rows_are(engine: SparkEngine) -> None:
    """A shingle that half of all accounts hold would be rows of one task if it met by shingle."""
    engine.session.conf.set("spark.sql.autoBroadcastJoinThreshold", "-1")  # not because it is small
    with closing(Views(engine.session)) as views:
        held = [[1, 2 + n % 7] if n % 2 else [9000 + n] for n in range(2500)]
        views.put("skeleton", engine.session.createDataFrame(relation(held)))
        make_all(views, HOLDING)
        plan = views.rows("explain select * from posting")["plan"][0].as_py()
        [antijoin] = [line for line in plan.splitlines() if "LeftAnti" in line]
        assert "BroadcastHashJoin" in antijoin
        most = "select max(n) as most from (select count(*) as n from posting group by shingle)"
        assert views.rows(most)["most"].to_pylist() == [179]
    engine.session.conf.unset("spark.sql.autoBroadcastJoinThreshold")


def test_campaigns_and_flags_are_those_of_the_kernels(engine: SparkEngine, world: World) -> None:
    assert_same_judgement(engine, world.profiles)


def test_where_nobody_shares_anything_there_are_no_streams(
    engine: SparkEngine, world: World
) -> None:
    few = world.profiles[:3]
    streams = linker(engine, few, 3).carried(few, np.ones(3, np.bool_)).streams
    assert len(streams) == 0
    assert linker(engine, few, 3).figures(few, streams, [], 0).shape[0] == 0
