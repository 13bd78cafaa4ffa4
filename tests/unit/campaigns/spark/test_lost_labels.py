"""An executor that dies between rounds of labels changes no scaffold."""

import os
import signal

import psutil

from stillwatch.campaigns.definitions import Step
from stillwatch.campaigns.plan import scaffolds_of
from stillwatch.campaigns.spark.views import Views
from tests.clusters import TWO_EXECUTORS, cluster, needs_spark
from tests.linking import by_kernels, dense, relation, told

pytestmark = needs_spark


class Killing(Views):
    """Ends an executor when the first round is done."""

    killed = 0

    def make(self, step: Step) -> None:
        super().make(step)
        if step.name == "label_1":
            for process in psutil.Process().children(recursive=True):
                if not self.killed and "CoarseGrainedExecutorBackend" in " ".join(
                    process.cmdline()
                ):
                    os.kill(process.pid, signal.SIGKILL)
                    self.killed = process.pid


def test_an_executor_that_dies_between_rounds_changes_no_scaffold() -> None:
    with cluster(TWO_EXECUTORS) as engine:
        views = Killing(engine.session)
        views.put("skeleton", engine.session.createDataFrame(relation(dense())).repartition(3))
        assert told(*scaffolds_of(views)) == by_kernels(dense())
        assert views.killed
        views.close()
