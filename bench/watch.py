"""`stillwatch watch`: what it keeps up with, how soon it decides, what quick and full judgements cost.

A simulated log is written as JSON lines. First most of it is there: the watcher catches up, with
decisions on, beside `detect` on the same file. The requests of some campaigns are kept back; when the
rest was judged they are appended, one campaign after the other, and for each of its accounts the clock
runs until the account stands in a decision. Then windows of several sizes, in one process: full and
quick judgements in turn, the quick ones of the same number of changed accounts whatever the window.

    python bench/watch.py [--accounts 20000] [--json]
"""

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import orjson
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from common import DATA, arguments, emit, run, stillwatch
from stillwatch.campaigns.carriers import holdings
from stillwatch.config import Config
from stillwatch.detection.frozen import Frozen
from stillwatch.detection.judge import DetectionOptions, judge
from stillwatch.detection.near import Near
from stillwatch.pipeline import summarise
from stillwatch.profiles.merge import Profiles, take
from stillwatch.profiles.table import ProfileTable
from stillwatch.store import decisions
from stillwatch.store.database import Store

COMMAND = [sys.executable, "-m", "stillwatch", "watch"]
VOLUME = 0.3
"""Some 35 events for each account: with much fewer no campaign shows."""
PATIENCE_S = 600.0
CAMPAIGNS = 5
"""Campaigns that are kept back."""
CAMPAIGN_S = 12.0
"""Seconds that a campaign is waited for."""
SIZES = (5_000, 20_000, 50_000)
"""Accounts of the windows whose judgements are compared."""
CHANGED = 500


def world(accounts: int) -> Path:
    """The simulated world, made once."""
    folder = DATA / f"watch-{accounts}"
    if not (folder / "labels.parquet").exists():
        stillwatch(
            "simulate", "--out", folder, "--accounts", accounts, "--days", 5, "--seed", 1,
            "--volume", VOLUME, "--json",
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
        self.drainer: threading.Thread | None = None

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

    def drain(self) -> None:
        """Take in what it says, to its end, beside what follows."""
        self.drainer = threading.Thread(target=self._drain, daemon=True)
        self.drainer.start()

    def _drain(self) -> None:
        assert self.process.stdout is not None
        for text in self.process.stdout:
            self.said.append(json.loads(text))
            with suppress(psutil.Error):  # it may have ended
                self.memory.append(self.usage.memory_info().rss)

    def end(self) -> float:
        """Stop it; seconds of CPU that it took."""
        spent = self.usage.cpu_times()
        self.process.terminate()
        assert self.process.stdout is not None
        if self.drainer is not None:
            self.drainer.join()
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


def deciding(folder: Path) -> list[list[Any]]:
    """Seconds from the lines of an account to a decision about it, campaign by campaign."""
    table, own = events(folder), anew(folder / "tip")
    log, records = own / "requests.jsonl", folder / "accounts.parquet"
    kept_back = _largest(folder)
    everybody = pa.concat_arrays(kept_back)
    rest = table.filter(pc.invert(pc.is_in(table["account_id"], value_set=everybody)))
    write(log, rest)
    watching = Watching(log, own, records)
    watching.until("judged", rest.num_rows)
    watching.drain()
    store, size = Store(f"sqlite:///{watching.store}"), rest.num_rows
    took = dict[str, float]()
    for members in kept_back:
        theirs = table.filter(pc.is_in(table["account_id"], value_set=members))
        write(log, theirs, "ab")
        size += theirs.num_rows
        took |= _decided(store, set(members.to_pylist()))
    store.close()
    watching.end()
    looks = [one for one in watching.said if one["event"] == "looked"]
    judged = [one for one in watching.said if one["event"] == "judged"]
    spent = sorted(took.values())
    return [
        ["campaigns, appended one after the other", len(kept_back)],
        ["accounts of theirs", len(everybody)],
        ["requests of theirs, share of the log", f"{1 - rest.num_rows / size:.1%}"],
        ["accounts that a decision names", len(spent)],
        ["s from its lines to the decision: median", _at(spent, 0.5)],
        ["s from its lines to the decision: p99", _at(spent, 0.99)],
        ["quick judgements", len(looks)],
        ["s a quick judgement: median", _at(sorted(one["seconds"] for one in looks), 0.5)],
        ["accounts it scored: median", _at(sorted(one["accounts"] for one in looks), 0.5)],
        ["full judgements", len(judged)],
        ["accounts decided quickly, not found by the next full one",
         sum(one["decided"].get("unconfirmed", 0) for one in judged)],
        ["RSS, GB: highest seen", round(max(watching.memory) / 1e9, 2)],
    ]  # fmt: skip


def _largest(folder: Path) -> list[pa.Array]:
    """Accounts of the largest campaigns."""
    labels = pq.read_table(folder / "labels.parquet")
    inside = labels.filter(pc.is_valid(labels["campaign_id"]))
    counted = inside.group_by("campaign_id").aggregate([("account_id", "count")])
    names = counted.sort_by([("account_id_count", "descending"), ("campaign_id", "ascending")])
    return [
        inside.filter(pc.equal(inside["campaign_id"], name))["account_id"].combine_chunks()
        for name in names["campaign_id"][:CAMPAIGNS].to_pylist()
    ]


def _decided(store: Store, wanted: set[str]) -> dict[str, float]:
    """Seconds until accounts stood in a decision, those that did within the patience."""
    began, took = time.monotonic(), dict[str, float]()
    while len(took) < len(wanted) and time.monotonic() - began < CAMPAIGN_S:
        time.sleep(0.05)
        with store.begin() as connection:
            named = {
                account
                for kept in decisions.listed(connection, limit=10_000)
                for account in (*kept.decision.members, kept.decision.subject.value)
            }
        now = time.monotonic() - began
        took |= {account: now for account in wanted & named if account not in took}
    return took


def _at(ordered: list[float], share: float) -> Any:
    return (
        round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3) if ordered else "none"
    )


class Crowd:
    """The accounts of a table."""

    def __init__(self, table: ProfileTable) -> None:
        self.table = table
        self.rows = {name: row for row, name in enumerate(table.account_ids)}

    def current(self, account_ids: Sequence[str]) -> Profiles:
        rows = np.array([self.rows[name] for name in account_ids], np.int64)
        return take(self.table.profiles, rows)

    def holding(self, keys: Any) -> tuple[list[str], Any, Any]:
        everybody = np.ones(len(self.table), dtype=np.bool_)
        return self.table.account_ids, *holdings(self.table.profiles, keys, everybody)


def costs(accounts: int, changed: int = CHANGED, repeat: int = 3) -> list[Any]:
    """Full and quick judgements of one window in turn: medians of ``repeat``, CPU seconds."""
    files = sorted(map(str, (world(accounts) / "events").glob("*.parquet")))
    before, whole = summarise(files[:-1], Config()), summarise(files, Config())
    families = tuple(one.name for one in whole.families)
    tactics = tuple(one.name for one in whole.families if one.kind == "tactic")
    options = DetectionOptions()

    def none(account_ids: Sequence[str]) -> Any:
        return np.zeros(len(account_ids), dtype=np.bool_)

    def full(table: ProfileTable) -> Frozen:
        exempt = none(table.account_ids)
        judgement = judge(table.profiles, exempt, families, tactics, options)
        return Frozen.of(judgement, table.profiles, table.account_ids, exempt, options)

    known = set(before.table.account_ids)
    some = [name for name in whole.table.account_ids if name in known]
    chosen = np.random.default_rng(1).choice(some, min(changed, len(some)), replace=False).tolist()
    full(before.table)  # compiles kernels
    Near(full(before.table), Crowd(whole.table), none).look(chosen)
    spent: dict[str, list[float]] = {"full": [], "quick": [], "s": []}
    seen = None
    for _ in range(repeat):
        began = time.process_time()
        frozen = full(before.table)
        spent["full"].append(time.process_time() - began)
        near = Near(frozen, Crowd(whole.table), none)
        began, clock = time.process_time(), time.perf_counter()
        seen = near.look(chosen)
        spent["quick"].append(time.process_time() - began)
        spent["s"].append(time.perf_counter() - clock)
    assert seen is not None
    whole_s, quick_s = median(spent["full"]), median(spent["quick"])
    return [
        len(whole.table), int(whole.table.profiles["events"].sum()), round(whole_s, 2),
        round(quick_s, 3), f"{whole_s / quick_s:.0f}", round(median(spent["s"]), 3),
        seen.scored, len(seen.account_ids), seen.groups,
    ]  # fmt: skip


def measure(accounts: int = 20_000) -> dict[str, Any]:
    """All figures."""
    folder = world(accounts)
    head = ("what", "figure")
    return {
        "tables": [
            {"title": "Catching up", "head": head, "rows": catching_up(folder)},
            {
                "title": "From an account's lines to a decision",
                "head": head,
                "rows": deciding(folder),
            },
            {
                "title": f"Quick and full judgements, {CHANGED} changed accounts",
                "head": ("accounts", "events", "full, CPU s", "quick, CPU s", "times",
                         "quick, s", "scored", "looked at", "groups measured"),
                "rows": [costs(size) for size in SIZES],
            },
        ]
    }  # fmt: skip


if __name__ == "__main__":
    given = arguments(__doc__, accounts=20_000)
    emit(measure(given.accounts), given.json)
