"""Repeat every figure and write bench/RESULTS.md, section by section.

    python bench/run.py [--repeat 3] [--worlds 8] [--fitting 12] [--only WORDS ...]

The page is written anew after each section, and a section that was not measured stays as it is,
so a run that was stopped goes on with ``--only`` and words of the titles that are missing. So does one
whose data or packages are absent here.
"""

import argparse
import importlib.metadata
import os
import platform
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import growth as events_growth
import kernel
import spark
import speed
import watch
from common import ROOT, markdown
from correlation import figures, marks, neural, peers, repeats
from correlation import speed as panel_speed
from decisions import touched
from gateway import adding, closed_loop
from gateway import serve as gateway_serve
from gateway import table as decisions_table
from hub import growth
from hub import speed as hub_speed
from joined import bands
from joined import detection as joint_detection
from matching import goals, three_labs
from quality import ablation, baselines, calibration, edges, replay, weights, windows, worlds

NOTES = Path(__file__).with_name("NOTES.md")
RESULTS = ROOT / "bench" / "RESULTS.md"
Section = tuple[str, str, Callable[[], dict[str, Any]]]


def sections(repeat: int, count: int, fitting: int, *, large: bool) -> list[Section]:
    """Title, command and measurement of each section; the tables of quality share their worlds.

    ``large``: logs of gigabytes that are not there yet may be made.
    """
    half = max(2, count // 2)

    def of(name: str) -> str:
        return f"cd bench && python -m quality.{name}"

    def corr(name: str) -> str:
        return f"cd bench && python -m correlation.{name}"

    def of_hub(name: str) -> str:
        return f"cd bench && python -m hub.{name}"

    def of_matching(name: str) -> str:
        return f"cd bench && python -m matching.{name}"

    return [
        ("Speed and memory", "python bench/speed.py", lambda: speed.measure(repeat)),
        ("The text kernel, one core", "python bench/kernel.py", kernel.rows),
        (
            "Spark beside the local engine",
            "python bench/spark.py",
            lambda: spark.measure(3, 20_000),
        ),
        (
            "As the log grows",
            "python bench/growth.py",
            lambda: events_growth.measured(50, make=large),
        ),
        ("Detection on simulated worlds", of("worlds"), lambda: worlds.measure(count, half)),
        ("Where nobody is guilty", of("calibration"), lambda: calibration.measure(half)),
        ("At the edges", of("edges"), lambda: edges.measure(count)),
        ("What each kind of evidence earns", of("ablation"), lambda: ablation.measure(count)),
        (
            "A campaign spread over three labs",
            "cd bench && python -m joined.detection",
            lambda: joint_detection.measure(count, half),
        ),
        (
            "Bands of scaffolds",
            "cd bench && python -m joined.bands",
            lambda: bands.measure(400, 1500),
        ),
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
        ("The hub beside OpenTAXII", of_hub("speed"), lambda: hub_speed.measured(repeat)),
        ("The hub as it grows", of_hub("growth"), lambda: growth.measured(20)),
        ("Private matching: what it costs", of_matching("goals"), goals.measured),
        ("Watching a log", "python bench/watch.py", watch.measure),
        ("Actors at three labs", of_matching("three_labs"), three_labs.measured),
        ("The closed loop", "cd bench && python -m gateway.closed_loop", closed_loop.measured),
        (
            "Whom the shipped policies touch",
            "cd bench && python -m decisions.touched",
            lambda: touched.measure(half),
        ),
        (
            "The table of decisions",
            "cd bench && python -m gateway.table",
            lambda: decisions_table.measured(1_000_000, 5, 100),
        ),
        (
            "Many decisions kept, and a start from the store",
            "cd bench && python -m gateway.adding",
            lambda: adding.measured(100_000, 1_000_000, 3),
        ),
        (
            "The gateway over HTTP",
            "cd bench && python -m gateway.serve",
            lambda: gateway_serve.measured(20, 100_000, 40),
        ),
        (
            "Planted marks through neural students",
            corr("neural --quick 1 --runs 6"),
            lambda: neural.measured(6, 0, neural.QUICK),
        ),
        (
            "Planted marks: more answers, colder answers, repeats",
            corr("repeats --runs 17"),
            lambda: repeats.measured(17),
        ),
        (
            "Weights, held out",
            of(f"weights --fitting {fitting}"),
            lambda: weights.measure(count, fitting),
        ),
    ]


def written() -> dict[str, str]:
    """The sections of the page as it is, by title."""
    if not RESULTS.exists():
        return {}
    _, *parts = RESULTS.read_text(encoding="utf-8").split("\n## ")
    return {title: text.strip() for title, text in (part.split("\n", 1) for part in parts)}


def write(titles: list[str], known: dict[str, str]) -> None:
    """The page of all sections that are known, in the order of ``titles``, then the notes."""
    parts = [
        "# Results",
        f"Written by `make bench`: stillwatch {importlib.metadata.version('stillwatch')}, Python "
        f"{platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores. Times are "
        "medians; rates carry 95 % Wilson intervals. All worlds are composed: no labelled real "
        "campaign is public.",
        *(f"## {title}\n\n{known[title]}" for title in titles if title in known),
        NOTES.read_text(encoding="utf-8").strip(),
    ]
    RESULTS.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--worlds", type=int, default=8)
    parser.add_argument("--fitting", type=int, default=weights.FITTING_WORLDS)
    parser.add_argument("--only", nargs="+", metavar="WORDS", help="sections whose title has them")
    options = parser.parse_args()
    known = written()
    all_ = sections(options.repeat, options.worlds, options.fitting, large=bool(options.only))
    titles = [title for title, _, _ in all_]
    words = [word.lower() for word in options.only or [""]]
    chosen = [section for section in all_ if any(word in section[0].lower() for word in words)]
    if not chosen:
        parser.error(f"no section has {' or '.join(words)} in its title: {', '.join(titles)}")
    for title, command, measure in chosen:
        print(title, file=sys.stderr, flush=True)
        now, result = f"{datetime.now(UTC):%Y-%m-%d}", measure()
        if "skipped" in result and title in known:
            print(f"kept as it was: {result['skipped']}", file=sys.stderr, flush=True)
            continue
        known[title] = f"`{command}`, measured {now}\n\n{markdown(result).strip()}"
        write(titles, known)


if __name__ == "__main__":
    main()
