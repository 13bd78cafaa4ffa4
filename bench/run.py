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
import weights
from common import ROOT, arguments, markdown
from quality import worlds

NOTES = Path(__file__).with_name("NOTES.md")
Section = tuple[str, str, Callable[[], dict[str, Any]]]


def sections(repeat: int, count: int) -> list[Section]:
    """Title, command and measurement of each section; the tables of quality share their worlds."""

    def of(name: str) -> str:
        return f"cd bench && python -m quality.{name}"

    return [
        ("Speed and memory", "python bench/speed.py", lambda: speed.measure(repeat)),
        ("The text kernel, one core", "python bench/kernel.py", kernel.rows),
        ("Detection on simulated worlds", of("worlds"), lambda: worlds.measure(count, count // 2)),
        (
            "Weights, held out",
            "python bench/weights.py",
            lambda: weights.measure(max(2, count // 4)),
        ),
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
