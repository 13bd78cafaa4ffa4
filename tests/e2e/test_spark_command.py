"""``--engine spark`` from outside: the findings of one machine, one line for what fails, a clean end."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.clusters import needs_spark

pytestmark = needs_spark

COMMAND = [sys.executable, "-m", "stillwatch"]
# compiling statements takes longer than running them on so few rows
FEW_ROWS = (
    "spark.default.parallelism=2",
    "spark.sql.shuffle.partitions=2",
    "spark.sql.codegen.wholeStage=false",
    "spark.sql.codegen.factoryMode=NO_CODEGEN",
)
SPARK = ("--engine", "spark", "--master", "local[2]")


def started(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def run(*arguments: object) -> tuple[int, str]:
    process = started(*arguments)
    _, said = process.communicate(timeout=300)
    return process.returncode, said


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spark") / "world"
    size = ("--accounts", 250, "--days", 6, "--attack-share", 0.15, "--campaigns", 3)
    assert run("simulate", "--out", folder, *size)[0] == 0
    return folder


def test_the_findings_are_those_of_one_machine(world: Path) -> None:
    log = ("detect", world / "events", "--accounts", world / "accounts.parquet", "--fdr", 0.5)
    assert run(*log, "--out", world / "here") == (0, "")
    conf = [word for setting in FEW_ROWS for word in ("--spark-conf", setting)]
    assert run(*log, "--out", world / "there", *SPARK, *conf) == (0, "")
    for name in ("accounts.parquet", "campaigns.parquet", "findings.jsonl", "suspects.json"):
        assert (world / "there" / name).read_bytes() == (world / "here" / name).read_bytes(), name
    assert (world / "here" / "findings.jsonl").stat().st_size


def test_a_damaged_file_is_one_line_and_a_status(world: Path, tmp_path: Path) -> None:
    [first, *_] = sorted((world / "events").iterdir())
    whole = first.read_bytes()
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(whole[: len(whole) // 3] + bytes(4000) + whole[len(whole) // 3 + 4000 :])
    out = tmp_path / "out.parquet"
    here, there = (run("profile", first, broken, "--out", out, *engine) for engine in ((), SPARK))
    assert there == here
    assert there[0] == 2
    assert there[1].startswith(f"stillwatch: {broken} ")
    assert there[1].count("\n") == 1
    assert not out.exists()


def descendants(mark: str) -> list[psutil.Process]:
    """Processes that inherited the mark, orphans too."""
    found = []
    for each in psutil.process_iter():
        with suppress(psutil.Error):
            if each.environ().get("STILLWATCH_TEST_MARK") == mark:
                found.append(each)
    return found


def runs(process: psutil.Process, what: str) -> bool:
    with suppress(psutil.Error):
        return any(what in word for word in process.cmdline())
    return False


@pytest.mark.parametrize("stage", ["spark.launcher.Main", "SparkSubmit", "pyspark.daemon"])
def test_an_interrupt_ends_spark_too(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """While Java looks for its classes, while it starts, while executors work."""
    out = tmp_path / "out.parquet"
    monkeypatch.setenv("STILLWATCH_TEST_MARK", str(tmp_path))
    process = started("profile", world / "events", "--out", out, *SPARK)
    while not any(runs(each, stage) for each in descendants(str(tmp_path))):
        assert process.poll() is None
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=300)
    assert (process.returncode, said) == (
        130,
        "stillwatch: interrupted; nothing half-written was kept\n",
    )
    _, alive = psutil.wait_procs(descendants(str(tmp_path)), timeout=60)
    assert not alive
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        (("--engine", "sparc"), 2, "there is no engine 'sparc'; one of local, spark"),
        (("--master", "yarn"), 2, "--master and --spark-conf need --engine spark; add it"),
        ((*SPARK, "--spark-conf", "memory"), 2, "--spark-conf 'memory' is no setting of Spark"),
        ((*SPARK[:2], "--master", "spark://127.0.0.1:1"), 6, "127.0.0.1:1 cannot be reached"),
    ],
)
def test_what_cannot_be_is_one_line(
    world: Path, tmp_path: Path, options: tuple[str, ...], status: int, said: str
) -> None:
    code, line = run("profile", world / "events", "--out", tmp_path / "o.parquet", *options)
    assert (code, line.count("\n")) == (status, 1)
    assert said in line
