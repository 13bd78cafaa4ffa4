"""Two executors in processes of their own: the kernels' judgement, also when both are killed."""

from collections.abc import Iterator
from contextlib import suppress
from typing import ClassVar

import psutil
import pytest

from stillwatch.campaigns.definitions import Step
from stillwatch.campaigns.spark.views import Views
from stillwatch.engines.spark.engine import SparkEngine
from tests.clusters import TWO_EXECUTORS, cluster, needs_spark
from tests.groups import World
from tests.sparklinking import QUICK, assert_same_judgement

pytestmark = needs_spark


@pytest.fixture(scope="module")
def engine() -> Iterator[SparkEngine]:
    with cluster(TWO_EXECUTORS, conf=QUICK) as engine:
        yield engine


class Killing(Views):
    """Ends both executors, and the labels with them, when the first round is done for the first time."""

    killed: ClassVar[list[int]] = []

    def make(self, step: Step) -> None:
        super().make(step)
        for process in executors() if step.name == "label_1" and not self.killed else []:
            process.kill()
            self.killed.append(process.pid)


def executors() -> list[psutil.Process]:
    """The processes of executors that this test started."""
    return [each for each in psutil.Process().children(recursive=True) if _runs_tasks(each)]


def _runs_tasks(process: psutil.Process) -> bool:
    with suppress(psutil.Error):  # it has ended meanwhile
        return "CoarseGrainedExecutorBackend" in " ".join(process.cmdline())
    return False


def test_executors_judge_as_the_kernels_do_also_when_labels_die_with_them(
    engine: SparkEngine,
) -> None:
    assert_same_judgement(engine, World(4, groups=40).profiles, Killing)
    assert len(Killing.killed) == 2
