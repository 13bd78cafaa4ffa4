"""Time to detection: how much of a campaign's work was answered before it was seen.

Days are replayed in order; profiles of a day are merged into those of the days before (yesterday
is never read twice), and everything is judged after each day, without a baseline. Standard worlds
have campaigns of 20 to 60 accounts; another two have four campaigns each, so that some are large.

    cd bench && python -m quality.replay [--worlds 2] [--large 2] [--json]
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from common import arguments, emit
from quality.harness import World, folder_of, judgement, load, simulated, standard
from quality.pooling import rate
from stillwatch.config import Config
from stillwatch.evaluation.replay import NEVER, Leak, leaks, replay
from stillwatch.pipeline import summarise
from stillwatch.profiles.store import read_profiles, write_profiles
from stillwatch.profiles.table import ProfileTable
from stillwatch.simulation import SimulationOptions

HEAD = (
    "campaigns of", "n", "seen by half (Wilson)", "of those: days from first request, median",
    "answered before half were flagged, mean", "median", "before each account's flag, mean",
    "attack requests",
)  # fmt: skip
SIZES = {"20 accounts or more": (20, 1 << 30), "20 to 99": (20, 100), "100 or more": (100, 1 << 30)}


@dataclass(frozen=True)
class Told:
    """One campaign: what leaked, what it was, and on which day it began."""

    leak: Leak
    tactic: str
    cover: float
    first_day: int


def measure(worlds: int, large: int) -> dict[str, Any]:
    """All tables."""
    # seeds of their own, so that the turn of the register is another one
    few = [replace(o, seed=o.seed + 20) for o in standard(large, campaigns=4)]
    told: list[Told] = []
    ever = np.zeros(3, dtype=np.int64)
    for options in [*standard(worlds), *few]:
        campaigns, counts = _replayed(options)
        told += campaigns
        ever += counts
    innocent, everyone, flagged = ever.tolist()
    sized = [
        _row(name, [t for t in told if low <= t.leak.accounts < high])
        for name, (low, high) in SIZES.items()
    ]
    by: list[tuple[str, Callable[[Told], bool]]] = [
        (tactic, lambda t, tactic=tactic: t.tactic == tactic)  # type: ignore[misc]
        for tactic in sorted({t.tactic for t in told})
    ]
    by += [
        ("cover below 0.6", lambda t: t.cover < 0.6),
        ("cover from 0.6", lambda t: t.cover >= 0.6),
    ]
    return {
        "tables": [
            {"title": "By size of the campaign", "head": HEAD, "rows": sized},
            {
                "title": "By tactic and cover",
                "head": HEAD,
                "rows": [_row(name, [t for t in told if is_one(t)]) for name, is_one in by],
            },
            {
                "title": "Innocents over all days",
                "head": ("what", "share"),
                "rows": [
                    ["innocents flagged after at least one of 14 days", rate(innocent, everyone)],
                    ["innocents among all flagged after at least one day", rate(innocent, flagged)],
                ],
            },
        ]
    }


def _replayed(options: SimulationOptions) -> tuple[list[Told], npt.NDArray[np.int64]]:
    """Campaigns of one world; innocents ever flagged, innocents, accounts ever flagged."""
    world = load(options)
    row = {name: number for number, name in enumerate(world.account_ids)}

    def decide(table: ProfileTable) -> npt.NDArray[np.bool_]:
        rows = np.array([row[name] for name in table.account_ids])
        records = world.records.take(rows)
        ids = tuple(table.account_ids)
        day = World(world.name, world.real, ids, table.profiles, records, world.labels, {})
        return judgement(day).flagged

    seen = replay(_days(options), decide)
    flagged_on = np.array([seen.get(name, NEVER) for name in world.account_ids])
    attacks = _attacks(options, row)
    campaigns = world.labels["campaign_id"].to_pylist()
    told = []
    for leak in leaks(campaigns, attacks, flagged_on):
        mine = np.array([name == leak.campaign for name in campaigns])
        facts = world.campaigns[leak.campaign]
        first = int(np.flatnonzero(attacks[mine].sum(axis=0))[0]) if leak.attack_requests else 0
        told.append(Told(leak, facts["tactic"], facts["cover"], first))
    innocent = np.array([name is None for name in campaigns])
    ever = flagged_on < NEVER
    return told, np.array([(ever & innocent).sum(), innocent.sum(), ever.sum()])


def _days(options: SimulationOptions) -> Iterator[ProfileTable]:
    """Profiles of each day alone, kept beside those of the world."""
    folder = folder_of(options) / "days"
    if not folder.exists():
        events = simulated(options) / "events"
        for number, log in enumerate(sorted(events.glob("*.parquet"))):
            table = summarise([str(log)], Config()).table
            write_profiles(table, folder / f"{number:03}.parquet")
        shutil.rmtree(events)
    return (read_profiles(path) for path in sorted(folder.glob("*.parquet")))


def _attacks(options: SimulationOptions, row: dict[str, int]) -> npt.NDArray[np.int64]:
    """Attack requests by account and day."""
    out = np.zeros((len(row), options.days), dtype=np.int64)
    table = pq.read_table(
        folder_of(options) / "world" / "attacks.parquet", columns=["account_id", "day"]
    )
    days = {options.start + timedelta(days=day): day for day in range(options.days)}
    for name, day in zip(*table.to_pydict().values(), strict=True):
        out[row[name], days[day]] += 1
    return out


def _row(name: str, told: list[Told]) -> list[Any]:
    worked = [t for t in told if t.leak.attack_requests]
    seen = [t for t in worked if t.leak.half_day is not None]
    waits = [t.leak.half_day - t.first_day + 1 for t in seen if t.leak.half_day is not None]
    half = np.array([t.leak.before_half for t in worked])
    own = np.array([t.leak.before_own for t in worked])
    return [
        name, len(worked), rate(len(seen), len(worked)),
        round(float(np.median(waits)), 1) if waits else "-",
        *([round(float(v), 3) for v in (half.mean(), np.median(half), own.mean())]
          if worked else ["-"] * 3),
        sum(t.leak.attack_requests for t in worked),
    ]  # fmt: skip


if __name__ == "__main__":
    options = arguments(__doc__, worlds=2, large=2)
    emit(measure(options.worlds, options.large), options.json)
