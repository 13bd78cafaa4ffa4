"""Reaching a cluster: a session that starts quietly, fails in one sentence and leaves nothing behind.

Rules: settings of the user, of spark-submit and of Spark's own files win over those made here.
What the Java side writes goes to a file that is removed after a good run and named after a bad
one. On one machine everything listens on the loopback address only. Where spark-submit started
this process, its Java side is there already and writes where it likes.
"""

import logging
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from stillwatch.engines.spark import faults
from stillwatch.engines.spark.options import SparkOptions
from stillwatch.errors import ConfigError, PeerError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_HERE: Final = re.compile(r"local(\[.*\])?|local-cluster\[.*\]")
_STANDALONE: Final = re.compile(r"spark://([^:/,]+):(\d+)")
_PYTHON: Final = "PYSPARK_PYTHON"
_PATIENCE: Final = 10.0
"""Seconds a master has to take a connection."""
_ALWAYS: Final = {
    "spark.app.name": "stillwatch",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "16384",
    "spark.ui.showConsoleProgress": "false",
    "spark.executorEnv.OPENBLAS_NUM_THREADS": "1",
}
_ON_ONE_MACHINE: Final = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.ui.enabled": "false",
}


@contextmanager
def opened(options: SparkOptions) -> Iterator["SparkSession"]:
    """A session for one run; ended, with its Java side, when the run is over.

    Raises ``ConfigError`` where PySpark or Java is missing or a setting is refused, ``PeerError``
    where the master cannot be reached; errors of jobs as ``faults.told`` tells them.
    """
    require()
    from py4j.protocol import Py4JError  # noqa: PLC0415 - an optional extra
    from pyspark.errors import PySparkException  # noqa: PLC0415

    log = None if options.verbose else Path(_temporary("stillwatch-spark-", ".log"))
    silent = logging.NullHandler()
    if not options.verbose:
        logging.getLogger().addHandler(silent)  # py4j tells interrupts to whoever listens
    try:
        session = _started(options, log)
        try:
            yield session
        except (PySparkException, Py4JError) as error:
            raise faults.told(error) from (error if options.verbose else None)
        except KeyboardInterrupt:
            if not submitted():
                _shut_down(at_once=True)
            raise
        finally:
            _end(session)
    except PeerError as error:
        if log and log.stat().st_size and error.hint:
            error.hint += f"; Spark's log is in {log}"
            log = None
        raise
    finally:
        logging.getLogger().removeHandler(silent)
        if log:
            log.unlink(missing_ok=True)


def require() -> None:
    """Raise ``ConfigError`` that says how to install what is missing."""
    try:
        import pyspark  # noqa: F401, PLC0415
    except ImportError as error:
        raise ConfigError(
            "--engine spark needs PySpark, which is not installed here",
            hint="pip install 'stillwatch[spark]', and Java 17 or later",
        ) from error
    home = os.environ.get("JAVA_HOME")
    java = Path(home) / "bin" / "java" if home else None
    if not (java.exists() if java else shutil.which("java")):
        raise ConfigError(
            f"Spark needs Java, and there is none {f'in {home}' if home else 'on the PATH'}",
            hint="install Java 17 or later, or set JAVA_HOME",
        )


def submitted() -> bool:
    """Whether spark-submit started this process."""
    return "PYSPARK_GATEWAY_PORT" in os.environ


def _started(options: SparkOptions, log: Path | None) -> "SparkSession":
    from py4j.protocol import Py4JError  # noqa: PLC0415
    from pyspark import SparkConf, SparkContext  # noqa: PLC0415
    from pyspark.errors import PySparkException  # noqa: PLC0415
    from pyspark.sql import SparkSession  # noqa: PLC0415

    master = options.master or (None if submitted() else "local[*]")
    settings = _settings(master, dict(options.conf))
    _reachable(master)
    try:
        if not submitted():
            _launch(settings, log)
        conf = SparkConf()
        for name, value in settings.items():
            conf.set(name, value)
        with _python_of_executors(settings.get("spark.pyspark.python")), _same_handler():
            context = SparkContext(conf=conf)
    except (PySparkException, Py4JError, OSError) as error:
        _shut_down()
        raise _not_started(master, error, log) from (error if options.verbose else None)
    except BaseException:
        _shut_down()
        raise
    if not options.verbose:
        context.setLogLevel("ERROR")
    return SparkSession(context)


def _settings(master: str | None, given: dict[str, str]) -> dict[str, str]:
    settings = dict(_ALWAYS)
    if master:
        settings["spark.master"] = master
    if master and _HERE.fullmatch(master):
        settings |= _ON_ONE_MACHINE
        if _PYTHON not in os.environ:
            settings["spark.pyspark.python"] = sys.executable
    return settings | given


def _reachable(master: str | None) -> None:
    """Try a standalone master's door before Spark does, which takes a minute to give up."""
    match = _STANDALONE.match(master or "")
    if match is None:
        return
    try:
        socket.create_connection((match[1], int(match[2])), _PATIENCE).close()
    except OSError as error:
        raise PeerError(
            f"the Spark master {master} cannot be reached: {error.strerror or error}",
            hint="check its address and that it runs",
        ) from error


def _launch(settings: dict[str, str], log: Path | None) -> None:
    """Start the Java side with its output where ``log`` says."""
    from pyspark import SparkConf, SparkContext  # noqa: PLC0415
    from pyspark.java_gateway import launch_gateway  # noqa: PLC0415

    conf = SparkConf(loadDefaults=False)
    for name, value in settings.items():
        conf.set(name, value)
    output = log.open("ab") if log else nullcontext()
    with output as file, _uninterrupted():
        kwargs: dict[str, Any] = {"stdout": file, "stderr": file} if log else {}
        launch: Any = launch_gateway  # has no types
        SparkContext._ensure_initialized(gateway=launch(conf, kwargs), conf=conf)


@contextmanager
def _same_handler() -> Iterator[None]:
    """PySpark's own handler of interrupts asks Java in the middle of another question."""
    before = signal.getsignal(signal.SIGINT)
    yield
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, before)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let an interrupt wait: in the middle of starting, a Java process would be left to itself."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        signal.raise_signal(signal.SIGINT)


@contextmanager
def _python_of_executors(path: str | None) -> Iterator[None]:
    """PySpark takes the executors' interpreter from the environment, whatever the setting says."""
    before = os.environ.get(_PYTHON)
    if path:
        os.environ[_PYTHON] = path
    try:
        yield
    finally:
        if path and before is None:
            del os.environ[_PYTHON]
        elif before is not None:
            os.environ[_PYTHON] = before


def _not_started(master: str | None, error: Exception, log: Path | None) -> ConfigError | PeerError:
    # where the Java side died before it could answer, only its log says why
    written = log.read_text("utf-8", "replace") if log else ""
    last = re.findall(r"^(?:Exception in thread \S+|Error:) (.+)$", written, re.MULTILINE)
    said = faults.gist(last[-1] if last else str(error))
    if "Could not parse Master URL" in str(error) or "Master must" in str(error):
        return ConfigError(
            f"{master} is no master URL that Spark knows",
            hint="for example local[4], spark://host:7077, yarn or k8s://https://host:443",
        )
    return PeerError(
        f"Spark does not start on {master or 'its configured master'}: {said}",
        hint="check master, settings and Java",
    )


def _end(session: "SparkSession") -> None:
    from pyspark import SparkContext  # noqa: PLC0415

    if SparkContext._gateway is None:
        return
    with suppress(Exception):  # the run is over: what cannot be stopped has stopped
        session.stop()
    if not submitted():
        _shut_down()


def _shut_down(*, at_once: bool = False) -> None:
    """End the Java process: the memory is wanted for judging, and a next run may set it up anew.

    ``at_once``: it is not asked, because a question may be under way.
    """
    from pyspark import SparkContext  # noqa: PLC0415

    gateway, SparkContext._gateway, SparkContext._jvm = SparkContext._gateway, None, None
    if gateway is None:
        return
    process = getattr(gateway, "proc", None)
    if at_once:
        SparkContext._active_spark_context = None
    else:
        with suppress(Exception):
            gateway.shutdown()
    if process is not None:
        process.stdin.close()  # the sign for it to go
        with suppress(Exception):
            process.wait(_PATIENCE)


def _temporary(prefix: str, suffix: str) -> str:
    handle, name = tempfile.mkstemp(suffix, prefix)
    os.close(handle)
    return name
