"""Time and memory of the command on the whole panel, in a process of its own.

cd bench && python -m correlation.speed [--repeat 3] [--json]
"""

import statistics
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from common import arguments, emit, stillwatch
from correlation.world import answers, folder_or_none, panel_of

SUSPECT = "vicuna-13b"


def measured(repeat: int) -> dict[str, Any]:
    """Wall time, CPU and peak of ``stillwatch correlate``; a first run compiles and is not counted."""
    folder = folder_or_none()
    if folder is None:
        return {"skipped": "the answers are absent (STILLWATCH_DATA)"}
    read = answers(folder)
    rows = [
        {"model": m, "prompt": read.prompts[key], "output": text}
        for m, row in read.outputs.items()
        for key, text in row.items()
    ]
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch)
        pq.write_table(pa.Table.from_pylist(rows), path / "answers.parquet")
        (path / "panel.toml").write_text(_toml(panel_of(folder, ours=("gpt-3.5-turbo-0301",))))
        command = (
            "correlate", path / "answers.parquet", "--panel", path / "panel.toml",
            "--suspect", SUSPECT, "--out", path / "out",
        )  # fmt: skip
        runs = [stillwatch(*command) for _ in range(repeat + 1)][1:]
    return {
        "head": ("what", "wall s (median)", "CPU s", "peak RSS GB", "runs"),
        "rows": [
            [
                f"{len(read.models)} models, {len(read.prompts)} prompts, {len(rows):,} answers",
                round(statistics.median(r.wall for r in runs), 1),
                round(statistics.median(r.cpu for r in runs), 1),
                round(max(r.peak for r in runs), 2),
                repeat,
            ]
        ],
    }


def _toml(panel: dict[str, Any]) -> str:
    """The panel without pairs and without the suspect's own entry."""
    lines: list[str] = []
    for section in ("ours", "reference", "control"):
        for entry in panel[section]:
            if entry["model"] != SUSPECT:
                lines.append(f"[[{section}]]")
                lines += [f"{key} = {value!r}" for key, value in entry.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    options = arguments(__doc__, repeat=3)
    emit(measured(options.repeat), options.json)
