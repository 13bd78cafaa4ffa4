"""Two executors in processes of their own: the local engine's bytes, also when one of them is killed."""

from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest

from stillwatch.engines.spark.engine import SparkEngine
from stillwatch.logs import Quarantine
from tests.clusters import (
    OPTIONS,
    TWO_EXECUTORS,
    assert_same,
    cluster,
    local,
    needs_spark,
    read,
    shapes,
)

pytestmark = needs_spark


@pytest.fixture(scope="module")
def engine() -> Iterator[SparkEngine]:
    with cluster(TWO_EXECUTORS) as engine:
        yield engine


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    return shapes(tmp_path_factory.mktemp("logs"))


def executors() -> list[psutil.Process]:
    """The processes of executors that this test started."""
    return [each for each in psutil.Process().children(recursive=True) if _runs_tasks(each)]


def _runs_tasks(process: psutil.Process) -> bool:
    with suppress(psutil.Error):  # it has ended meanwhile
        return "CoarseGrainedExecutorBackend" in " ".join(process.cmdline())
    return False


def test_two_executors_give_the_bytes_of_the_local_engine(
    engine: SparkEngine, logs: dict[str, list[str]]
) -> None:
    assert_same(read(engine, logs["files, shuffled"]), local(logs["row groups"]))
    assert len(executors()) == 2


def test_a_killed_executor_changes_nothing(engine: SparkEngine, logs: dict[str, list[str]]) -> None:
    killed: dict[str, psutil.Process] = {}

    def kill(done: int, total: int) -> None:
        """As the job begins, and when all is merged but nothing has come home."""
        when = "begun" if done < total else "merged"
        if when not in killed:
            killed[when] = executors()[0]
            killed[when].kill()

    got = engine.read(logs["row groups"], OPTIONS, Quarantine(None), kill)
    assert set(killed) == {"begun", "merged"}
    assert not any(map(_runs_tasks, killed.values()))
    assert_same(got, local(logs["row groups"]))
