"""Linking on executors, for tests: profiles in blocks there, and comparison with the kernels here."""

from contextlib import closing
from dataclasses import fields

import numpy as np
import pyarrow as pa

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
from tests.clusters import FEW_TASKS
from tests.linking import Found, Held, relation, told

# few rows: compiling statements would take longer than running them
QUICK = (
    *FEW_TASKS.conf,
    ("spark.sql.shuffle.partitions", "2"),
    ("spark.sql.codegen.wholeStage", "false"),
    ("spark.sql.codegen.factoryMode", "NO_CODEGEN"),
    ("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1"),
    ("spark.executor.extraJavaOptions", "-XX:TieredStopAtLevel=1"),
)
FAMILIES = ("reasoning", "format")


def names(profiles: Profiles) -> list[str]:
    """Not in the order of their numbers, and not of one length."""
    return sorted(f"acct-{row * 7919 % 1000}" for row in range(profiles.size))


def linker(
    engine: SparkEngine, profiles: Profiles, seed: int, relations: type[Views] = Views
) -> SparkLinker:
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
    return SparkLinker(engine.session.createDataFrame(table).repartition(3), ids, relations)


def by_views(engine: SparkEngine, held: Held) -> Found:
    with closing(Views(engine.session)) as views:
        views.put("skeleton", engine.session.createDataFrame(relation(held)).repartition(3))
        return told(*scaffolds_of(views))


def assert_same_streams(got: Streams, expected: Streams) -> None:
    for field in fields(Streams):
        ours, theirs = getattr(got, field.name), getattr(expected, field.name)
        assert ours.dtype == theirs.dtype
        assert ours.tobytes() == theirs.tobytes(), field.name


def judged(profiles: Profiles, exempt: np.ndarray, by: SparkLinker | None = None) -> Judgement:
    return judge(profiles, exempt, FAMILIES, FAMILIES[:1], DetectionOptions(), linker=by or KERNELS)


def assert_same_judgement(
    engine: SparkEngine, profiles: Profiles, relations: type[Views] = Views
) -> None:
    """Every array of a judgement, byte by byte; some accounts are exempt. No view is left."""
    exempt = np.zeros(profiles.size, np.bool_)
    exempt[::29] = True
    here = judged(profiles, exempt)
    there = judged(profiles, exempt, linker(engine, profiles, 1, relations))
    assert_same_streams(there.groups.streams, here.groups.streams)
    assert there.groups.figures.tobytes() == here.groups.figures.tobytes()
    for name in ("scores", "p_values", "flagged", "campaign"):
        assert getattr(there, name).tobytes() == getattr(here, name).tobytes(), name
    assert len(here.groups.proposed) > 20
    assert [one.tolist() for one in there.groups.proposed] == [
        one.tolist() for one in here.groups.proposed
    ]
    assert not engine.session.catalog.listTables()
