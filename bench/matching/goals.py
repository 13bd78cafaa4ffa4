"""What private matching costs, beside what was aimed at: CPU-seconds of one core.

    cd bench && python -m matching.goals [--customers 1000000] [--tags 100000] [--json]

The client, the evaluators and the sign-ups are processes of their own over real HTTP (``screen.py``); an
evaluator with its ledger alone is ``evaluator.py``, the tags of a rotation ``packs.py``.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from common import emit

from . import evaluator, packs


def measured(
    customers: int = 1_000_000, tags: int = 100_000, signups: int = 1_000
) -> dict[str, Any]:
    """The table."""
    told = _screen(customers, tags, signups)
    base, one = told["base"], told["signups"]
    millions = customers / 1e6
    alone = evaluator.measure(100_000, 1_000)
    turned = {row[0]: row for row in packs.measured(100_000)["rows"]}
    spent = max(node["cpu"] for node in told["evaluators"]) / millions / 2  # by both ways
    rows = [
        ["customers screened, tags held", "1,000,000 and 100,000", f"{customers:,} and {tags:,}"],
        ["found of those listed", "all", f"{base['leads']:,} of {told['world']['listed']:,}"],
        ["client, CPU-s for 1 M customers", "250", f"{base['cpu_s'] / millions:.0f}"],
        ["from a CSV file by the command, three identifiers from each address", "",
         f"{told['command']['cpu_s'] / millions:.0f}"],
        ["each evaluator, CPU-s for 1 M", "90", f"{spent:.0f}"],
        ["each evaluator alone, 100,000 elements, scaled", "90",
         f"{alone['CPU-s for 1 M elements, scaled']:.0f}"],
        ["bytes a customer, both evaluators, heads included", "130 and framing",
         f"{base['bytes_a_customer']:.0f}"],
        ["client, peak memory", "300 MB", f"{base['peak_mb']:.0f} MB"],
        ["wall for the base, two cores for client and evaluators", "", f"{base['wall_s']:.0f} s"],
        ["one sign-up identifier, client CPU, median and p99", "1 ms (p99)",
         f"{one['cpu_ms_median']:.2f} and {one['cpu_ms_p99']:.2f} ms"],
        ["one sign-up identifier, wall, median and p99", "10 ms (p99)",
         f"{one['wall_ms_median']:.1f} and {one['wall_ms_p99']:.1f} ms"],
        ["100,000 records tagged anew, proven, member CPU-s", "30", turned["checked"][1]],
        ["of it the proofs", "", turned["checked"][2]],
    ]  # fmt: skip
    return {"head": ["what", "aim", "measured"], "rows": rows}


def _screen(customers: int, tags: int, signups: int) -> dict[str, Any]:
    """Parts of ``screen.py``, by name."""
    words = ["--customers", customers, "--tags", tags, "--signups", signups, "--command"]
    script = Path(__file__).with_name("screen.py")
    command = [sys.executable, str(script), *map(str, words)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return {
        name: part for line in done.stdout.splitlines() for name, part in json.loads(line).items()
    }


def main() -> None:
    """Print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--tags", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    emit(measured(given.customers, given.tags), given.json)


if __name__ == "__main__":
    main()
