"""Errors across the cluster: ours keep their kind, everybody else's become one sentence.

An executor's exception comes back as a Java stack trace with a Python traceback inside. An error
of ours is sent as one line of JSON, which is found in there again; of other failures the first
line that says something is kept. The whole of it is in Spark's log (``--verbose`` shows it).
"""

import json
import re
from typing import Final

from stillwatch import errors
from stillwatch.errors import InputError, PeerError, StillwatchError

_MARK: Final = re.compile(r"TaskFault: (\{.*\})")
_FILE: Final = re.compile(r"\b(?:file|s3a?|gs|hdfs|abfss?|wasbs?|viewfs):/[^\s,;]+")
_DAMAGED: Final = ("FAILED_READ_FILE", "CANNOT_READ_FILE", "is not a Parquet file")
_LOST: Final = ("ExecutorLostFailure", "Python worker exited unexpectedly", "MetadataFetchFailed",
                "FetchFailed", "SparkContext was shut down", "stopped SparkContext")  # fmt: skip
_SHOWN: Final = 300


class TaskFault(Exception):
    """An error of ours on its way out of an executor."""

    def __init__(self, error: StillwatchError) -> None:
        kind = type(error).__name__
        super().__init__(json.dumps({"kind": kind, "message": error.message, "hint": error.hint}))


def told(error: BaseException) -> StillwatchError:
    """The error to show for what a job ended with."""
    text = str(error)
    if ours := _MARK.search(text):
        return _ours(json.loads(ours[1]))
    if any(sign in text for sign in _DAMAGED):
        where = _FILE.search(text)
        return InputError(
            f"{where[0].rstrip('.') if where else 'a file'} cannot be read by Spark: {gist(text)}",
            hint="write or copy it again",
        )
    if any(sign in text for sign in _LOST):
        return PeerError(
            f"Spark lost executors until it gave up: {gist(text)}",
            hint="look at their memory (spark.executor.memoryOverhead, about 1 GB per core) and "
            "run again; --verbose shows Spark's log",
        )
    if _ABSENT.search(text):
        return PeerError(
            f"executors lack a package: {gist(text)}",
            hint="give them the environment (--spark-conf spark.archives=...; docs/how-to/"
            "run-on-spark.md)",
        )
    return PeerError(f"the Spark job failed: {gist(text)}", hint="--verbose shows Spark's log")


def gist(text: str) -> str:
    """The line of a Java or Python trace that says what happened."""
    if python := _PYTHON.findall(text):
        return " ".join(str(python[-1]).split())[:_SHOWN]
    lines = [line.strip() for line in text.splitlines()]
    says = [line for line in lines if line and not _NOISE.match(line)]
    cause = next((line for line in reversed(says) if line.startswith("Caused by: ")), None)
    first = (cause or (says[0] if says else "no reason given")).removeprefix("Caused by: ")
    return " ".join(first.split())[:_SHOWN]


_PYTHON: Final = re.compile(r"^(?!org\.|java|scala\.|py4j\.)([\w.]*(?:Error|Exception): .+)$", re.M)
"""Last line of a Python traceback."""
_ABSENT: Final = re.compile(r"^ModuleNotFoundError: ", re.MULTILINE)
_NOISE: Final = re.compile(
    r"^(at |\.\.\. \d+ more|Traceback |File \"|py4j\.|: \w+(\.\w+)+Exception$|Driver stacktrace|"
    r"An error occurred while calling|JVM stacktrace)"
)


def _ours(told: dict[str, str]) -> StillwatchError:
    kind = getattr(errors, told["kind"], StillwatchError)
    error: StillwatchError = kind(told["message"], hint=told["hint"])
    return error
