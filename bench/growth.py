"""What grows with events: CPU by stage, and the whole commands with rate and memory.

The log is simulated as in speed.py (100,000 accounts, 5 days) and kept under bench/data; 20 M
events are 9 GB of prompts and some minutes to make. Stages run in this process, one thread each,
on the first ``--sample`` batches; commands run on the whole log in processes of their own.

    python bench/growth.py --millions 20
    python bench/growth.py --millions 50
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from common import DATA, Run, arguments, emit, stillwatch
from stillwatch.engines.local import SLICE
from stillwatch.logs import Quarantine, ReadOptions, open_logs
from stillwatch.profiles.packed import packed, unpacked
from stillwatch.profiles.phrases import FamilyTable, load_families, shipped_rules
from stillwatch.profiles.requests import READ, requests
from stillwatch.profiles.table import ProfileTable
from stillwatch.profiles.text import TextFeatures, TextKernel
from stillwatch.profiles.words import WordVectors

ACCOUNTS = 100_000
VOLUME = 0.094
"""Of a million events of so many accounts in five days."""
OPTIONS = ReadOptions(columns=READ, batch_rows=SLICE, encoded=True)


def log_of(millions: int) -> Path:
    folder = DATA / f"growth-{millions}"
    if not (folder / "labels.parquet").exists():
        stillwatch(
            "simulate", "--out", folder, "--accounts", ACCOUNTS, "--days", 5, "--seed", 1,
            "--volume", VOLUME * millions, "--pasted", 30, "--json",
        )  # fmt: skip
    return folder


def cpu_of(work: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds, and what came out."""
    began = time.process_time()
    result = work()
    return time.process_time() - began, result


def stages(log: Path, most: int) -> list[list[Any]]:
    """CPU of decoding, measuring, folding and of what only a cluster does."""
    batches: list[pa.RecordBatch] = []
    given = open_logs([str(log)], OPTIONS, Quarantine(None)).batches()
    decode, _ = cpu_of(lambda: batches.extend(next(given) for _ in range(most)))
    families = FamilyTable.compile(load_families(shipped_rules() / "phrases"))
    kernel, room = TextKernel(families, WordVectors()), TextFeatures.zeros(SLICE)
    table = ProfileTable(families.names)
    measured = [0.0, 0.0, 0.0]
    for number, batch in enumerate([batches[0], *batches]):  # the first one warms up
        taken = [0.0, 0.0, 0.0]
        taken[0], text = cpu_of(lambda: kernel.features(batch.column("prompt"), room))  # noqa: B023
        taken[1], dense = cpu_of(lambda: requests(batch))  # noqa: B023
        taken[2], _ = cpu_of(lambda: table.add(batch, dense, text))  # noqa: B023
        measured = [a + b for a, b in zip(measured, taken, strict=True)] if number else measured
    events, accounts = sum(batch.num_rows for batch in batches), len(table)
    profiles, ids = table.profiles, pa.array(table.account_ids)
    into = ProfileTable(families.names)
    into.merge_profiles(ids, unpacked(packed(profiles)))
    pack, there = cpu_of(lambda: packed(profiles))
    unpack, back = cpu_of(lambda: unpacked(there))
    merge, _ = cpu_of(lambda: into.merge_profiles(ids, back))
    named = ("decode (Parquet)", "kernel (text)", "other columns", "fold")
    rows = [
        [f"{name}, µs/event", events, round(seconds / events * 1e6, 2)]
        for name, seconds in zip(named, (decode, *measured), strict=True)
    ]
    per = 1e6 / accounts
    rows += [
        ["pack a partial, µs", accounts, round(pack * per, 2)],
        ["unpack it, µs", accounts, round(unpack * per, 2)],
        ["merge it, µs", accounts, round(merge * per, 2)],
        ["bytes of a packed partial", accounts, round(there.nbytes / accounts)],
    ]
    return rows


def commands(folder: Path) -> list[list[Any]]:
    """The two commands on the whole log."""
    events = sum(pq.read_metadata(f).num_rows for f in (folder / "events").glob("*.parquet"))
    log, out = folder / "events", folder / "result"
    profiles = folder / "profiles.parquet"
    done = {
        "profile (read, kernel, merge)": stillwatch("profile", log, "--out", profiles, "--json"),
        "detect on profiles (link, judge)": _second(profiles, out),
        "detect (all)": stillwatch("detect", log, "--out", out, "--json"),
    }
    return [[what, events, *_figures(events, run)] for what, run in done.items()]


def _second(profiles: Path, out: Path) -> Run:
    """The second of two runs: the first compiles what judging needs."""
    stillwatch("detect", profiles, "--out", out, "--json")
    return stillwatch("detect", profiles, "--out", out, "--json")


def _figures(events: int, run: Run) -> list[Any]:
    rate, cpu = events / run.wall / 1e6, run.cpu / events * 1e6
    return [round(run.wall, 1), round(rate, 3), round(cpu, 2), round(run.peak, 2)]


def measure(millions: int, sample: int, whole: bool) -> dict[str, Any]:
    """Both tables."""
    folder = log_of(millions)
    head = ("what", "events", "wall s", "M events/s", "CPU µs/event", "peak RSS GB")
    parts = [
        {
            "title": "By stage",
            "head": ("what", "of", "figure"),
            "rows": stages(folder / "events", sample),
        }
    ]
    if whole:
        parts.append({"title": "Commands", "head": head, "rows": commands(folder)})
    return {"tables": parts}


def measured(millions: int, *, make: bool) -> dict[str, Any]:
    """Both tables; without ``make`` only where the log is there."""
    if not make and not (DATA / f"growth-{millions}" / "labels.parquet").exists():
        return {"skipped": f"python bench/run.py --only '{millions} M events' makes the log"}
    return measure(millions, 30, whole=True)


if __name__ == "__main__":
    options = arguments(__doc__, millions=1, sample=30, whole=1)
    print(f"{options.millions} M events", file=sys.stderr)
    emit(measure(options.millions, options.sample, bool(options.whole)), options.json)
