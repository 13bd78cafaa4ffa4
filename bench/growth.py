"""What grows with events: CPU by stage, and the whole commands with rate and memory.

One log is simulated and kept under bench/data: 100,000 accounts on 50 days of a million events each,
5 GB, a quarter of an hour to make. A size of N million events is its first N days. Stages run in this
process, one thread each, on the first ``--sample`` batches; commands run on all of a size in processes of
their own, the smallest once before to compile what they need. Beside that, logs of two million events on
five days by other numbers of accounts and of campaigns.

    python bench/growth.py [--largest 50]
"""

import time
from collections.abc import Callable, Sequence
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

SIZES = (1, 5, 20, 50)
"""Days, and about as many million events."""
ACCOUNTS = 100_000
VOLUME = 0.5
"""Of a million events of so many accounts in a day."""
FOLDER = DATA / f"growth-{max(SIZES)}"
SHAPES = ((25_000, 60), (100_000, 15), (100_000, 60), (100_000, 240), (400_000, 60))
"""Accounts and campaigns of logs with ``EVENTS`` events in ``DAYS`` days."""
EVENTS, DAYS = 2_000_000, 5
A_DAY = 20
"""Events of an account in a day at volume 1."""
OPTIONS = ReadOptions(columns=READ, batch_rows=SLICE, encoded=True)


def log_of(days: int) -> list[Path]:
    """Files of the first days; the log is made where it is not there."""
    if not (FOLDER / "labels.parquet").exists():
        stillwatch(
            "simulate", "--out", FOLDER, "--accounts", ACCOUNTS, "--days", max(SIZES), "--seed", 1,
            "--volume", VOLUME, "--pasted", 30, "--json",
        )  # fmt: skip
    return sorted((FOLDER / "events").glob("*.parquet"))[:days]


def shaped(accounts: int, campaigns: int) -> list[Any]:
    """Detection on a log of another shape, which is made where it is not there."""
    folder = DATA / f"growth-{accounts}-{campaigns}"
    if not (folder / "labels.parquet").exists():
        stillwatch(
            "simulate", "--out", folder, "--accounts", accounts, "--campaigns", campaigns, "--days", DAYS,
            "--seed", 1, "--volume", EVENTS / (A_DAY * DAYS * accounts), "--pasted", 30, "--json",
        )  # fmt: skip
    log, profiles = folder / "events", DATA / "growth-profiles.parquet"
    out = DATA / "growth-result"
    events = sum(pq.read_metadata(file).num_rows for file in log.glob("*.parquet"))
    whole = stillwatch("detect", log, "--out", out, "--json")
    stillwatch("profile", log, "--out", profiles, "--json")
    judged = stillwatch("detect", profiles, "--out", out, "--json")
    cost = [round(whole.wall, 1), round(whole.cpu / events * 1e6, 2), round(whole.peak, 2)]
    return [f"{accounts:,}", campaigns, f"{events:,}", *cost, round(judged.cpu, 1)]


def cpu_of(work: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds, and what came out."""
    began = time.process_time()
    result = work()
    return time.process_time() - began, result


def stages(log: Sequence[Path], most: int) -> list[list[Any]]:
    """CPU of decoding, measuring, folding and of what only a cluster does."""
    batches: list[pa.RecordBatch] = []
    given = open_logs([*map(str, log)], OPTIONS, Quarantine(None)).batches()
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


def commands(days: int) -> list[list[Any]]:
    """The commands on the first days."""
    log = log_of(days)
    events = sum(pq.read_metadata(file).num_rows for file in log)
    profiles, out = DATA / "growth-profiles.parquet", DATA / "growth-result"
    done = {
        "detect (all)": stillwatch("detect", *log, "--out", out, "--json"),
        "profile (read, kernel, merge)": stillwatch("profile", *log, "--out", profiles, "--json"),
        "detect on profiles (link, judge)": stillwatch("detect", profiles, "--out", out, "--json"),
    }
    return [[what, f"{events:,}", *_figures(events, run)] for what, run in done.items()]


def _figures(events: int, run: Run) -> list[Any]:
    rate, cpu = events / run.wall / 1e6, run.cpu / events * 1e6
    return [round(run.wall, 1), round(rate, 3), round(cpu, 2), round(run.peak, 2)]


def measured(largest: int, sample: int = 30, *, make: bool = True) -> dict[str, Any]:
    """Both tables; without ``make`` only where the log is there."""
    if not make and not (FOLDER / "labels.parquet").exists():
        return {"skipped": "python bench/growth.py makes the log"}
    head = ("what", "events", "wall s", "M events/s", "CPU µs/event", "peak RSS GB")
    commands(min(SIZES))
    rows = [row for days in SIZES if days <= largest for row in commands(days)]
    return {
        "tables": [
            {"title": "Commands, one run each", "head": head, "rows": rows},
            {
                "title": "Other shapes, one run each",
                "head": (
                    "accounts",
                    "campaigns",
                    "events",
                    "detect, wall s",
                    "CPU µs/event",
                    "peak RSS GB",
                    "detect on its profiles, CPU s",
                ),
                "rows": [shaped(*shape) for shape in SHAPES],
            },
            {
                "title": "By stage, the first day",
                "head": ("what", "of", "figure"),
                "rows": stages(log_of(1), sample),
            },
        ]
    }


if __name__ == "__main__":
    options = arguments(__doc__, largest=max(SIZES), sample=30)
    emit(measured(options.largest, options.sample), options.json)
