"""Two executors in processes of their own: the local engine's bytes, also when one of them is killed."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from stillwatch.engines.interface import Read
from stillwatch.engines.spark.engine import SparkEngine
from stillwatch.logs import Quarantine
from tests.clusters import (
    OPTIONS,
    TWO_EXECUTORS,
    World,
    assert_same,
    cluster,
    cut_anew,
    found,
    local,
    needs_spark,
    read,
    world,
)

pytestmark = needs_spark


@pytest.fixture(scope="module")
def engine() -> Iterator[SparkEngine]:
    with cluster(TWO_EXECUTORS) as engine:
        yield engine


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> World:
    return world(tmp_path_factory.mktemp("log") / "world")


@pytest.fixture(scope="module")
def expected(simulated: World) -> Read:
    return local(simulated.events)


def executors() -> list[psutil.Process]:
    """The processes of executors that this test started."""
    return [each for each in psutil.Process().children(recursive=True) if _runs_tasks(each)]


def _runs_tasks(process: psutil.Process) -> bool:
    with suppress(psutil.Error):  # it has ended meanwhile
        return "CoarseGrainedExecutorBackend" in " ".join(process.cmdline())
    return False


def test_two_executors_give_profiles_and_findings_of_the_local_engine(
    engine: SparkEngine, simulated: World, expected: Read, tmp_path: Path
) -> None:
    got = read(engine, cut_anew(simulated, tmp_path / "log", files=9, seed=3))
    assert_same(got, expected)
    assert found(got, simulated) == found(expected, simulated)
    assert len(executors()) == 2


def test_a_killed_executor_changes_nothing(
    engine: SparkEngine, simulated: World, expected: Read, tmp_path: Path
) -> None:
    """One in the middle of the job, and one when all is merged but nothing has come home."""
    killed: list[tuple[int, psutil.Process]] = []

    def kill(done: int, total: int) -> None:
        if done and (not killed or done == total):
            [victim, *_] = executors()
            victim.kill()
            killed.append((done, victim))

    paths = cut_anew(simulated, tmp_path / "log", files=20, seed=4)
    got = engine.read(paths, OPTIONS, Quarantine(None), kill)
    total = sum(path.stat().st_size for path in (tmp_path / "log").iterdir())
    assert 0 < killed[0][0] < total == killed[-1][0]
    assert not any(_runs_tasks(process) for _, process in killed)
    assert_same(got, expected)
    assert found(got, simulated) == found(expected, simulated)
