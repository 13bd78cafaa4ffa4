"""Errors across the cluster: ours keep their kind and words, others become one line."""

import pytest

from stillwatch.engines.spark.faults import TaskFault, told
from stillwatch.errors import InputError, PeerError, StoredDataError

_FROM_A_TASK = """An error occurred while calling o90.count.
: org.apache.spark.SparkException: Job aborted due to stage failure: Task 1 in stage 2.0 failed
\tat org.apache.spark.scheduler.DAGScheduler.abortStage(DAGScheduler.scala:1)
Caused by: org.apache.spark.api.python.PythonException: Traceback (most recent call last):
  File "task.py", line 3, in measured
stillwatch.engines.spark.faults.TaskFault: {}
 SQLSTATE: 38000
\tat org.apache.spark.api.python.BasePythonRunner.read(PythonRunner.scala:1)
"""


@pytest.mark.parametrize(
    "error",
    [
        InputError('a.parquet is damaged after row 9: "x" {y}\nz', hint="copy it again"),
        StoredDataError("packed", hint=""),
    ],
)
def test_our_errors_come_back_as_they_were(error: InputError | StoredDataError) -> None:
    back = told(RuntimeError(_FROM_A_TASK.format(TaskFault(error))))
    assert type(back) is type(error)
    assert str(back) == str(error)


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        (
            "[FAILED_READ_FILE.NO_HINT] Encountered error while reading file "
            "hdfs://lake/logs/part-7.parquet. SQLSTATE: KD001\n\tat org.apache.Foo",
            InputError,
            "hdfs://lake/logs/part-7.parquet cannot be read by Spark: [FAILED_READ_FILE.NO_HINT]",
        ),
        (
            "Job aborted due to stage failure: ExecutorLostFailure (executor 3 exited)\n\tat x.Y",
            PeerError,
            "Spark lost executors until it gave up: Job aborted due to stage failure",
        ),
        (
            "An error occurred while calling o1.count.\n: java.lang.FooException\n"
            "\tat x.Y(Z.java:1)\nCaused by: java.io.IOException: No space left on device\n\tat q",
            PeerError,
            "the Spark job failed: java.io.IOException: No space left on device",
        ),
        ("", PeerError, "the Spark job failed: no reason given"),
        (
            _FROM_A_TASK.replace(
                "stillwatch.engines.spark.faults.TaskFault: {}",
                "ModuleNotFoundError: No module named 'stillwatch'",
            ),
            PeerError,
            "executors lack a package: ModuleNotFoundError: No module named 'stillwatch'",
        ),
        (
            _FROM_A_TASK.replace("stillwatch.engines.spark.faults.TaskFault: {}", "MemoryError: x"),
            PeerError,
            "the Spark job failed: MemoryError: x",
        ),
    ],
)
def test_others_become_one_line(text: str, kind: type[Exception], said: str) -> None:
    back = told(RuntimeError(text))
    assert type(back) is kind
    assert back.message.startswith(said)
    assert "\n" not in str(back)
    assert back.hint
