"""Repeat every figure and write bench/RESULTS.md.

python bench/run.py [--repeat 3] [--seeds 6]
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
import quality
import real
import speed
import weights
from common import ROOT, arguments, markdown

NOTES = Path(__file__).with_name("NOTES.md")


def sections(repeat: int, seeds: int) -> list[tuple[str, str, Callable[[], dict[str, Any]]]]:
    """Title, command and measurement of each section."""
    worlds = range(1, seeds + 1)

    def simulated() -> dict[str, Any]:
        rows = [quality.measure_world(seed) for seed in worlds]
        return {"head": quality.HEAD, "rows": [*rows, quality.summary(rows)]}

    return [
        ("Speed and memory", "python bench/speed.py", lambda: speed.measure(repeat)),
        ("The text kernel, one core", "python bench/kernel.py", kernel.rows),
        ("Detection on simulated worlds", "python bench/quality.py", simulated),
        ("Detection on real prompts", "python bench/real.py", lambda: real.measure(seeds - 1)),
        (
            "Weights, held out",
            "python bench/weights.py",
            lambda: weights.measure(max(2, seeds // 2)),
        ),
    ]


def main() -> None:
    options = arguments(__doc__, repeat=3, seeds=6)
    parts = [
        "# Results",
        "",
        f"Written by `make bench` on {datetime.now(UTC):%Y-%m-%d}: stillwatch "
        f"{importlib.metadata.version('stillwatch')}, Python {platform.python_version()}, "
        f"{platform.machine()}, {os.cpu_count()} cores. Times are medians; rates carry 95 % Wilson "
        "intervals. All worlds are composed: no labelled real campaign is public.",
    ]
    for title, command, measure in sections(options.repeat, options.seeds):
        print(title, file=sys.stderr, flush=True)
        parts += ["", f"## {title}", "", f"`{command}`", "", markdown(measure())]
    parts += ["", NOTES.read_text(encoding="utf-8").strip(), ""]
    (ROOT / "bench" / "RESULTS.md").write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
