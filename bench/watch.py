"""`stillwatch watch`: how much it keeps up with, what a checkpoint costs, how soon it decides.

A simulated log is written as JSON lines. First all of it is there: the watcher catches up, with
decisions on, beside `detect` on the same file. Then the requests of one campaign are kept back; when
the rest was judged they are appended at once, and the clock runs until a decision about these
accounts is in the store.

    python bench/watch.py [--accounts 100000] [--json]
"""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import orjson
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from common import DATA, arguments, emit, run, stillwatch
from stillwatch.store import decisions
from stillwatch.store.database import Store

COMMAND = [sys.executable, "-m", "stillwatch", "watch"]
PATIENCE_S = 600.0


def world(accounts: int) -> Path:
    """The simulated world, made once."""
    folder = DATA / f"watch-{accounts}"
    if not (folder / "labels.parquet").exists():
        stillwatch(
            "simulate", "--out", folder, "--accounts", accounts, "--days", 5, "--seed", 1,
            "--volume", 0.094, "--json",
        )  # fmt: skip
    return folder


def events(folder: Path) -> pa.Table:
    """All events in order of time."""
    files = sorted((folder / "events").glob("*.parquet"))
    return pa.concat_tables([pq.read_table(file) for file in files]).sort_by("timestamp")


def lines(table: pa.Table) -> Iterator[bytes]:
    """Events as JSON lines, in blocks."""
    for batch in table.to_batches(16_384):
        rows = batch.to_pylist()
        yield b"".join(
            orjson.dumps({k: v for k, v in row.items() if v is not None}) + b"\n" for row in rows
        )


def write(path: Path, table: pa.Table, mode: str = "wb") -> None:
    with path.open(mode) as file:
        file.writelines(lines(table))


class Watching:
    """A running watcher and its memory."""

    def __init__(self, log: Path, folder: Path, records: Path) -> None:
        self.store = folder / "share.db"
        command = [
            *COMMAND, log, "--state", folder / "state", "--store", self.store,
            "--out", folder / "out", "--accounts", records, "--json",
        ]  # fmt: skip
        self.began = time.monotonic()
        self.process = subprocess.Popen([str(one) for one in command], stdout=subprocess.PIPE)
        self.usage = psutil.Process(self.process.pid)
        self.said: list[dict[str, Any]] = []
        self.memory: list[int] = []

    def until(self, event: str, read: int) -> float:
        """Seconds since the start when something was said of so many events."""
        assert self.process.stdout is not None
        for text in self.process.stdout:
            said = json.loads(text)
            self.said.append(said)
            self.memory.append(self.usage.memory_info().rss)
            if said["event"] == event and said.get("read", said.get("events")) >= read:
                return time.monotonic() - self.began
        raise RuntimeError(f"the watcher ended: {self.said[-3:]}")

    def end(self) -> float:
        """Stop it; seconds of CPU that it took."""
        spent = self.usage.cpu_times()
        self.process.terminate()
        assert self.process.stdout is not None
        self.process.stdout.read()
        if self.process.wait(PATIENCE_S):
            raise RuntimeError("the watcher failed")
        return spent.user + spent.system


def anew(folder: Path) -> Path:
    """An empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def catching_up(folder: Path) -> list[list[Any]]:
    """The whole log at once, beside `detect`."""
    table, own = events(folder), anew(folder / "up")
    log, records = own / "requests.jsonl", folder / "accounts.parquet"
    write(log, table)
    size = table.num_rows
    del table
    stillwatch("detect", log, "--accounts", records, "--out", own / "detect")  # compiles kernels
    detect = run(
        [*COMMAND[:3], "detect", str(log), "--accounts", str(records), "--out", str(own / "detect")]
    )
    watching = Watching(log, own, records)
    kept = watching.until("checkpoint", size)
    watching.until("judged", size)
    cpu = watching.end()
    costs = [one["checkpoint_s"] for one in watching.said if one["event"] == "checkpoint"]
    judged = [one["seconds"] for one in watching.said if one["event"] == "judged"]
    accounts = max(one["accounts"] for one in watching.said if one["event"] == "checkpoint")
    log.unlink()
    return [
        ["events", size],
        ["accounts", accounts],
        ["events/s kept, start included", round(size / kept)],
        ["CPU µs/event, judging and deciding included", round(cpu / size * 1e6, 1)],
        ["CPU µs/event of detect on the same file", round(detect.cpu / size * 1e6, 1)],
        ["checkpoint, s: median", round(median(costs), 2)],
        ["checkpoint, s: longest", round(max(costs), 2)],
        ["judgement with result and decisions, s: last", judged[-1]],
        ["RSS, GB: highest seen", round(max(watching.memory) / 1e9, 2)],
        ["RSS, GB: at the end", round(watching.memory[-1] / 1e9, 2)],
        ["RSS of detect, GB", round(detect.peak, 2)],
    ]


def tipping(folder: Path) -> list[list[Any]]:
    """Seconds from the last request of a campaign to the first decision about its accounts."""
    table, own = events(folder), anew(folder / "tip")
    log, records = own / "requests.jsonl", folder / "accounts.parquet"
    labels = pq.read_table(folder / "labels.parquet")
    sizes = labels.filter(pc.is_valid(labels["campaign_id"])).group_by("campaign_id")
    largest = sizes.aggregate([("account_id", "count")]).sort_by("account_id_count")
    name = largest["campaign_id"][-1].as_py()
    members = labels.filter(pc.equal(labels["campaign_id"], name))["account_id"].combine_chunks()
    inside = pc.is_in(table["account_id"], value_set=members)
    rest, theirs = table.filter(pc.invert(inside)), table.filter(inside)
    write(log, rest)
    watching = Watching(log, own, records)
    watching.until("judged", rest.num_rows)
    write(log, theirs, "ab")
    began, wanted, store = (
        time.monotonic(),
        set(members.to_pylist()),
        Store(f"sqlite:///{watching.store}"),
    )
    touched: set[str] = set()
    while not touched and time.monotonic() - began < PATIENCE_S:
        time.sleep(0.05)
        with store.begin() as connection:
            for kept in decisions.listed(connection, limit=10_000):
                one = kept.decision
                touched |= wanted & {*one.members, one.subject.value}
    took = time.monotonic() - began
    store.close()
    watching.end()
    return [
        ["accounts of the campaign", len(wanted)],
        ["its requests, appended at once", theirs.num_rows],
        ["s until a decision is in the store", round(took, 1) if touched else "none"],
        ["of its accounts in decisions then", len(touched)],
    ]


def measure(accounts: int = 100_000) -> dict[str, Any]:
    """All figures."""
    folder = world(accounts)
    head = ("what", "figure")
    return {
        "tables": [
            {"title": "Catching up", "head": head, "rows": catching_up(folder)},
            {
                "title": "From a campaign's requests to a decision",
                "head": head,
                "rows": tipping(folder),
            },
        ]
    }


if __name__ == "__main__":
    given = arguments(__doc__, accounts=100_000)
    emit(measure(given.accounts), given.json)
