"""The program in a process of its own: status, one line of error, a report that stands alone."""

import re
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.panels import answers, toml, write_example, write_jsonl

EXAMPLE = Path(__file__).parents[2] / "examples" / "correlation"


def stillwatch(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stillwatch", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_example_is_judged_and_the_report_loads_nothing(tmp_path):
    done = stillwatch(
        "correlate",
        EXAMPLE / "answers.parquet",
        "--panel",
        EXAMPLE / "panel.toml",
        "--out",
        tmp_path / "r",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "copycat mirrors aurora" in done.stdout
    assert "bystander: no evidence" in done.stdout
    page = (tmp_path / "r" / "report.html").read_text()
    assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", page)


def test_a_small_panel_ends_with_status_4_and_one_line(tmp_path):
    rows, panel = answers(controls=4)
    (tmp_path / "p.toml").write_text(toml(panel))
    path = write_jsonl(rows, tmp_path / "a.jsonl")
    done = stillwatch("correlate", path, "--panel", tmp_path / "p.toml", "--suspect", "copycat")
    assert done.returncode == 4
    assert len(done.stderr.splitlines()) == 1
    assert "4 control models, 30 needed" in done.stderr


@pytest.mark.parametrize("name", ["answers.parquet", "panel.toml"])
def test_the_example_is_what_its_generator_writes(tmp_path, name):
    write_example(tmp_path)
    if name.endswith("toml"):
        assert (tmp_path / name).read_text() == (EXAMPLE / name).read_text()
    else:
        assert pq.read_table(tmp_path / name).equals(pq.read_table(EXAMPLE / name))
