"""What the benchmarks share: where data lies, running the command line, tables."""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "bench" / "data"
sys.path.append(str(ROOT))  # what the benchmarks share with the examples


def data_folder() -> Path | None:
    """Where the real prompts lie, or None."""
    for folder in (os.environ.get("STILLWATCH_DATA"), ROOT.parent / "shared" / "data"):
        if folder and (Path(folder) / "organic_prompts.parquet").exists():
            return Path(folder)
    return None


@dataclass(frozen=True)
class Run:
    """One finished command."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds of user and system time."""
    peak: float
    """Largest resident memory, GB."""


def stillwatch(*arguments: object) -> Run:
    """Run the command line in a process of its own."""
    return run([str(Path(sys.executable).parent / "stillwatch"), *map(str, arguments)])


def run(command: Sequence[str]) -> Run:
    """Run a command and measure it; raises with its output when it fails."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"{' '.join(command)}\n{output.decode(errors='replace')}")
    return Run(time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e6)


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def arguments(doc: str | None, **defaults: int) -> argparse.Namespace:
    """Parse ``--json`` and one whole number per default."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    for name, value in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    return parser.parse_args()


def emit(result: dict[str, Any], as_json: bool) -> None:
    """Print a result as JSON or as Markdown."""
    print(json.dumps(result) if as_json else markdown(result))


def markdown(result: dict[str, Any]) -> str:
    """The table of a result, or its ``tables`` with titles; (hits, total) become hits/total."""
    if "skipped" in result:
        return f"Skipped: {result['skipped']}."
    if "tables" in result:
        return "\n\n".join(f"{part['title']}\n\n{markdown(part)}" for part in result["tables"])

    def cell(value: Any) -> Any:
        return "/".join(map(str, value)) if isinstance(value, tuple | list) else value

    return table(result["head"], [[cell(value) for value in row] for row in result["rows"]])
