"""Repeat every figure and write bench/RESULTS.md.

python bench/run.py [--repeat 3] [--worlds 8]
"""

import importlib.metadata
import os
import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import kernel
import speed
from common import ROOT, arguments, markdown
from correlation import figures, marks, peers
from correlation import speed as panel_speed
from quality import ablation, baselines, calibration, replay, weights, windows, worlds

NOTES = Path(__file__).with_name("NOTES.md")
Section = tuple[str, str, Callable[[], dict[str, Any]]]


def sections(repeat: int, count: int) -> list[Section]:
    """Title, command and measurement of each section; the tables of quality share their worlds."""
    half = max(2, count // 2)

    def of(name: str) -> str:
        return f"cd bench && python -m quality.{name}"

    def corr(name: str) -> str:
        return f"cd bench && python -m correlation.{name}"

    return [
        ("Speed and memory", "python bench/speed.py", lambda: speed.measure(repeat)),
        ("The text kernel, one core", "python bench/kernel.py", kernel.rows),
        ("Detection on simulated worlds", of("worlds"), lambda: worlds.measure(count, half)),
        ("Where nobody is guilty", of("calibration"), lambda: calibration.measure(half)),
        ("What each kind of evidence earns", of("ablation"), lambda: ablation.measure(count)),
        ("Time to detection", of("replay"), lambda: replay.measure(half // 2, half // 2)),
        ("Windows of mixed traffic", of("windows"), lambda: windows.measure(1000, 6)),
        ("Beside simple detectors", of("baselines"), lambda: baselines.measure(half)),
        ("Output correlation", corr("figures"), lambda: figures.measured(10)),
        (
            "Output correlation: speed and memory",
            corr("speed"),
            lambda: panel_speed.measured(repeat),
        ),
        ("Output correlation beside others", corr("peers"), peers.measured),
        ("Planted marks", corr("marks"), lambda: marks.measured(20, 1000)),
        ("Weights, held out", of("weights"), lambda: weights.measure(count)),
    ]


def main() -> None:
    options = arguments(__doc__, repeat=3, worlds=8)
    parts = [
        "# Results",
        "",
        f"Written by `make bench` on {datetime.now(UTC):%Y-%m-%d}: stillwatch "
        f"{importlib.metadata.version('stillwatch')}, Python {platform.python_version()}, "
        f"{platform.machine()}, {os.cpu_count()} cores. Times are medians; rates carry 95 % Wilson "
        "intervals. All worlds are composed: no labelled real campaign is public.",
    ]
    for title, command, measure in sections(options.repeat, options.worlds):
        print(title, file=sys.stderr, flush=True)
        parts += ["", f"## {title}", "", f"`{command}`", "", markdown(measure())]
    parts += ["", NOTES.read_text(encoding="utf-8").strip(), ""]
    (ROOT / "bench" / "RESULTS.md").write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
