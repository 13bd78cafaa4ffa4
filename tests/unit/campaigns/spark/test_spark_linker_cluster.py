"""Two executors in processes of their own: the kernels' judgement, also when one of them is killed."""

from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest

from stillwatch.campaigns.definitions import Step
from stillwatch.campaigns.spark.views import Views
from stillwatch.engines.spark.engine import SparkEngine
from tests.clusters import TWO_EXECUTORS, cluster, needs_spark
from tests.groups import World
from tests.linking import by_kernels, dense
from tests.sparklinking import QUICK, assert_same_judgement, by_views

pytestmark = needs_spark


@pytest.fixture(scope="module")
def engine() -> Iterator[SparkEngine]:
    with cluster(TWO_EXECUTORS, conf=QUICK) as engine:
        yield engine


class Killing(Views):
    """Ends an executor when the first round of labels is done."""

    killed = 0

    def make(self, step: Step) -> None:
        super().make(step)
        for process in executors() if step.name == "label_1" else []:
            if not self.killed:
                process.kill()
                self.killed = process.pid


def executors() -> list[psutil.Process]:
    """The processes of executors that this test started."""
    return [each for each in psutil.Process().children(recursive=True) if _runs_tasks(each)]


def _runs_tasks(process: psutil.Process) -> bool:
    with suppress(psutil.Error):  # it has ended meanwhile
        return "CoarseGrainedExecutorBackend" in " ".join(process.cmdline())
    return False


def test_an_executor_that_dies_between_rounds_changes_no_scaffold(engine: SparkEngine) -> None:
    views = Killing(engine.session)
    assert by_views(engine, dense(), views) == by_kernels(dense())
    assert views.killed


def test_two_executors_judge_as_the_kernels_do(engine: SparkEngine) -> None:
    assert_same_judgement(engine, World(4, groups=40).profiles)
