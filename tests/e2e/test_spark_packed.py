"""The how-to's way to a cluster: a packed environment, spark-submit, executors with nothing else."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from stillwatch.profiles.store import read_profiles
from tests.clusters import TWO_EXECUTORS, needs_spark, rows
from tests.logfiles import write_jsonl
from tests.profiling import by_account, profiled
from tests.support import ROOT

pytestmark = needs_spark

GUIDE = ROOT / "docs" / "how-to" / "run-on-spark.md"
EXAMPLES = ROOT / "examples" / "spark"
PYTHON = "spark.pyspark.python=./environment/bin/python"


def ran(folder: Path, *command: object, **more: str) -> str:
    done = subprocess.run(
        list(map(str, command)), cwd=folder, env={**os.environ, **more},
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_executors_need_nothing_but_the_packed_environment(tmp_path: Path) -> None:
    archive = tmp_path / "environment.tar.gz"
    assert str(archive) in ran(tmp_path, EXAMPLES / "pack.sh", archive, sys.executable)
    log = write_jsonl(tmp_path / "log.jsonl", rows(400))
    spec = find_spec("pyspark")
    assert spec is not None
    assert spec.origin is not None
    ran(
        tmp_path, Path(spec.origin).parent / "bin" / "spark-submit", "--master", TWO_EXECUTORS,
        "--archives", f"{archive}#environment", "--conf", PYTHON,
        "--conf", f"spark.pyspark.driver.python={sys.executable}",
        "--conf", "spark.driver.host=127.0.0.1", "--conf", "spark.driver.bindAddress=127.0.0.1",
        "--conf", "spark.ui.enabled=false", EXAMPLES / "submit.py",
        "profile", log, "--engine", "spark", "--out", "there.parquet",
        SPARK_WORKER_DIR=str(tmp_path / "work"), SPARK_LOCAL_DIRS=str(tmp_path / "scratch"),
    )  # fmt: skip
    assert by_account(read_profiles(tmp_path / "there.parquet")) == by_account(profiled(rows(400)))


def test_each_command_of_the_guide_submits_the_packed_environment() -> None:
    """What the vendors' commands add differs; what the test above runs is in each of them."""
    blocks = re.findall(r"```text\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    submits = [block for block in blocks if "submit.py" in block]
    assert len(submits) == 4  # here, EMR, Dataproc, Kubernetes
    for block in submits:
        assert re.search(r"--archives[ =]\S+/environment\.tar\.gz#environment ", block), block
        assert PYTHON in block
        assert "--engine spark" in block
