"""Builds a world of accounts and campaigns, then lets its days pass.

The one entry point is ``simulate``: draw accounts → draw campaigns → for each day draw arrivals,
write prompts, fill columns, write a file → labels from what really happened.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.errors import ConfigError
from stillwatch.logs.schema import ACCOUNTS_SCHEMA, LABELS_SCHEMA
from stillwatch.simulation.arrivals import join, ordinary, scheduled
from stillwatch.simulation.campaigns import members, plan, sizes, tactics_of
from stillwatch.simulation.columns import World, account_ids, events_of_day
from stillwatch.simulation.corpus import load_corpus
from stillwatch.simulation.identity import signup_columns
from stillwatch.simulation.interface import (
    Bools,
    CampaignPlan,
    Ints,
    Rows,
    SimulationOptions,
)
from stillwatch.simulation.library import Library
from stillwatch.simulation.populations import POPULATIONS
from stillwatch.simulation.recruit import accounts_of
from stillwatch.simulation.settings import WAYS, job_styles, ordinary_styles
from stillwatch.simulation.tactics import TACTICS
from stillwatch.simulation.writer import WorldWriter

_BENIGN_BANS = 0.007
"""Share of innocent accounts that are banned for other reasons."""
_US_PER_DAY = 86_400_000_000


@dataclass(frozen=True, slots=True)
class WorldSummary:
    """What was written."""

    out: str
    seed: int
    events: int
    accounts: int
    hostile_accounts: int
    attack_events: int
    campaigns: int
    days: int


def simulate(
    options: SimulationOptions, progress: Callable[[int, int], None] | None = None
) -> WorldSummary:
    """Write a world with known truth to ``options.out``.

    ``progress`` is called after each day with (days done, events so far). Raises ConfigError for
    options that make no world, InputError for a directory in use or a corpus that lacks files.
    """
    check(options)
    corpus = None if options.corpus is None else load_corpus(options.corpus)
    writer = WorldWriter(options.out)
    world = build(options, Library(corpus, options.pasted))
    totals = np.zeros((2, options.accounts), dtype=np.int64)
    done = np.zeros(len(world.plans), dtype=np.int64)
    attacks = []
    with writer:
        for day in range(options.days):
            today = options.start + timedelta(days=day)
            table, job = _day(world, options, day, totals, done)
            writer.day(today.isoformat(), table)
            attacks.append(_attacks(table, job, today))
            if progress is not None:
                progress(day + 1, int(totals[0].sum()))
        writer.table("accounts", accounts_table(world, options))
        writer.table("labels", labels_table(world, totals))
        writer.table("attacks", pa.concat_tables(attacks))
        writer.describe(describe(world, options, totals))
    hostile = int((world.accounts["campaign"] >= 0).sum())
    return WorldSummary(
        str(options.out), options.seed, int(totals[0].sum()), options.accounts, hostile,
        int(totals[1].sum()), len(world.plans), options.days,
    )  # fmt: skip


def check(options: SimulationOptions) -> None:
    """Refuse options that make no world."""
    limits = (
        ("accounts", options.accounts, 20, 10_000_000),
        ("days", options.days, 1, 3650),
        ("attack_share", options.attack_share, 0.0, 0.5),
        ("campaigns", 1 if options.campaigns is None else options.campaigns, 1, 10_000),
        ("volume", options.volume, 0.001, 1000.0),
        ("pasted", options.pasted, 0.0, 100.0),
        ("cover", options.cover or 0.0, 0.0, 0.95),
        ("noise", options.noise or 0.0, 0.0, 0.6),
        ("seed", options.seed, 0, 2**31),
    )
    for name, value, low, high in limits:
        if not low <= value <= high:
            raise ConfigError(f"{name} is {value}", hint=f"choose a value from {low} to {high}")
    if options.settings not in (None, *WAYS):
        raise ConfigError(
            f"there is no way {options.settings!r} of holding to settings",
            hint=f"choose from {', '.join(WAYS)}",
        )
    known = [tactic.name for tactic in TACTICS]
    for name in options.tactics:
        if name not in known:
            raise ConfigError(
                f"there is no tactic {name!r}", hint=f"choose from {', '.join(known)}"
            )


def build(options: SimulationOptions, library: Library) -> World:
    """Draw everything that is fixed before the first day."""
    rng = np.random.default_rng([options.seed, 0xB0])
    release = round(options.days * float(rng.uniform(0.5, 0.7)), 3)
    hostile = round(options.accounts * options.attack_share)
    plans, troops = _campaigns(rng, options, hostile, release, library)
    crowd = _innocent(rng, options, options.accounts - hostile, release)
    accounts = rng.permutation(np.concatenate([crowd, *troops]))
    accounts["rate"] *= options.volume
    styles = ordinary_styles(rng, accounts)
    jobs = job_styles(rng, accounts, plans, styles)
    columns = signup_columns(accounts)
    return World(
        accounts, styles, jobs, tuple(plans), account_ids(accounts["key"]),
        _gappy(columns["organization_id"], accounts), library, release,
        options.days * float(rng.uniform(0.1, 0.9)),
    )  # fmt: skip


def _campaigns(
    rng: np.random.Generator,
    options: SimulationOptions,
    hostile: int,
    release: float,
    library: Library,
) -> tuple[list[CampaignPlan], list[Rows]]:
    split = sizes(rng, hostile, options.accounts, options.campaigns)
    plans, troops = [], []
    for number, tactic in enumerate(tactics_of(options, len(split))):
        drawn = plan(rng, tactic, number, options, release, library)
        plans.append(drawn)
        troops.append(members(rng, tactic, drawn, split[number]))
    return plans, troops


def _innocent(rng: np.random.Generator, options: SimulationOptions, n: int, release: float) -> Rows:
    """Draw the innocent accounts, at least one of each population where there is room."""
    weights = np.array([population.weight for population in POPULATIONS])
    exact = weights / weights.sum() * n
    counts = np.maximum(np.floor(exact).astype(int), 1 if n >= len(POPULATIONS) else 0)
    counts[0] += n - counts.sum()
    rows = np.concatenate(
        [
            accounts_of(rng, population, kind, int(counts[kind]), release)
            for kind, population in enumerate(POPULATIONS)
        ]
    )
    banned = rng.random(n) < _BENIGN_BANS
    rows["banned"] = np.where(banned, options.days * rng.random(n), np.nan)
    rows["last"] = np.where(banned, rows["banned"], rows["last"])
    young = rows["age"] < 0
    rows["first"] = np.where(young, -rows["age"], rows["first"])
    return rows


def _day(
    world: World, options: SimulationOptions, day: int, totals: Ints, done: Ints
) -> tuple[pa.Table, Bools]:
    """One day and which of its requests serve a campaign; adds to totals and items done."""
    rng = np.random.default_rng([options.seed, 0xDA, day])
    weekday = (options.start + timedelta(days=day)).weekday()
    gaps = world.library.corpus.gaps if world.library.corpus else None
    parts = [ordinary(rng, world.accounts, day, weekday, gaps)]
    for number, drawn in enumerate(world.plans):
        troop = np.flatnonzero(world.accounts["campaign"] == number)
        work = scheduled(
            rng,
            world.accounts,
            troop,
            drawn,
            day,
            weekday,
            int(done[number]),
            options.volume,
        )
        done[number] = max(int(done[number]), int(work.item.max(initial=-1)) + 1)
        parts.append(work)
    asked = join(parts)
    totals[0] += np.bincount(asked.account, minlength=options.accounts)
    job = asked.item >= 0
    totals[1] += np.bincount(asked.account[job], minlength=options.accounts)
    return events_of_day(world, rng, asked, day, _midnight(options) + day * _US_PER_DAY), job


def _midnight(options: SimulationOptions) -> int:
    """Start of the log in microseconds since the epoch."""
    start = datetime.combine(options.start, time(), UTC)
    return int(start.timestamp()) * 1_000_000


def accounts_table(world: World, options: SimulationOptions) -> pa.Table:
    """The accounts table, sorted by id."""
    rows, start = world.accounts, _midnight(options)
    banned = ~np.isnan(rows["banned"])
    end = options.days
    seen = banned & (np.nan_to_num(rows["banned"]) < end)
    columns = {
        **signup_columns(rows),
        "account_id": world.ids,
        "created_at": pa.array(
            start - (rows["age"].astype(np.float64) * _US_PER_DAY).astype(np.int64)
        ),
        "status": pa.array(["active", "banned"]).take(pa.array(seen.astype(np.int64))),
        "banned_at": pa.array(
            start
            + (np.nan_to_num(rows["banned"]).astype(np.float64) * _US_PER_DAY).astype(np.int64),
            mask=~seen,
        ),
    }
    arrays = [columns[field.name].cast(field.type) for field in ACCOUNTS_SCHEMA]
    return pa.Table.from_arrays(arrays, schema=ACCOUNTS_SCHEMA).sort_by("account_id")


def labels_table(world: World, totals: Ints) -> pa.Table:
    """The truth, sorted by account id; the attack share is the realised one."""
    campaign = world.accounts["campaign"].astype(np.int64)
    hostile = campaign >= 0
    names = pa.array([p.name for p in POPULATIONS]).take(
        pa.array(world.accounts["kind"].astype(np.int64))
    )
    none = pa.scalar(None, pa.string())
    tactics = pa.array([p.tactic for p in world.plans] or [""]).take(
        pa.array(np.maximum(campaign, 0))
    )
    ids = pa.array([p.campaign_id for p in world.plans] or [""]).take(
        pa.array(np.maximum(campaign, 0))
    )
    mask = pa.array(hostile)
    columns = {
        "account_id": world.ids,
        "label": pc.if_else(mask, "distillation", "benign"),
        "kind": pc.if_else(mask, tactics, names),
        "campaign_id": pc.if_else(mask, ids, none),
        "attack_share": pa.array((totals[1] / np.maximum(totals[0], 1)).astype(np.float32)),
    }
    arrays = [columns[field.name].cast(field.type) for field in LABELS_SCHEMA]
    return pa.Table.from_arrays(arrays, schema=LABELS_SCHEMA).sort_by("account_id")


def _attacks(events: pa.Table, job: Bools, day: date) -> pa.Table:
    """The requests of one day that served their account's campaign; what covers them is left out."""
    found = events.select(["event_id", "account_id"]).filter(pa.array(job))
    return found.append_column("day", pa.repeat(pa.scalar(day, pa.date32()), found.num_rows))


def describe(world: World, options: SimulationOptions, totals: Ints) -> dict[str, object]:
    """Everything that is needed to repeat the world, and its parameters."""
    kinds, hostile = world.accounts["kind"], world.accounts["campaign"] >= 0
    populations = {
        population.name: {
            "about": population.about,
            "accounts": int(((kinds == i) & ~hostile).sum()),
            "events": int(totals[0][(kinds == i) & ~hostile].sum()),
        }
        for i, population in enumerate(POPULATIONS)
    }
    return {
        "seed": options.seed,
        "accounts": options.accounts,
        "days": options.days,
        "start": options.start.isoformat(),
        "attack_share": options.attack_share,
        "volume": options.volume,
        "pasted": options.pasted,
        "campaigns_asked": options.campaigns,
        "tactics": list(options.tactics),
        "cover": options.cover,
        "noise": options.noise,
        "settings": options.settings,
        "corpus": None if options.corpus is None else options.corpus.name,
        "release_day": world.release,
        "outage_day": round(world.outage, 3),
        "events": int(totals[0].sum()),
        "populations": populations,
        "campaigns": [_describe_campaign(world, drawn, totals) for drawn in world.plans],
    }


def _describe_campaign(world: World, drawn: CampaignPlan, totals: Ints) -> dict[str, object]:
    mine = world.accounts["campaign"] == drawn.number
    return {
        "campaign_id": drawn.campaign_id,
        "tactic": drawn.tactic,
        "target": drawn.target.name,
        "accounts": int(mine.sum()),
        "events": int(totals[0][mine].sum()),
        "attack_events": int(totals[1][mine].sum()),
        "rate": round(drawn.rate, 2),
        "cover": round(drawn.cover, 3),
        "noise": round(drawn.noise, 3),
        "settings": drawn.settings,
        "shared_infrastructure": drawn.shared,
        "load_balanced": drawn.balanced,
        "mimics_waking_hours": drawn.mimic,
        "duty": round(drawn.duty, 2),
        "burst_share": drawn.burst,
        "starts_on_day": round(drawn.start, 2),
        "scaffold_variants": len(set(drawn.heads.to_pylist())),
        "scaffold_head": drawn.heads[0].as_py(),
        "scaffold_tail": drawn.tails[0].as_py(),
    }


def _gappy(values: pa.StringArray, accounts: Rows) -> pa.StringArray:
    """Organisations are not recorded for every account that has one."""
    unknown = accounts["key"] % np.uint64(20) == 0
    return pc.if_else(pa.array(unknown), pa.scalar(None, pa.string()), values)
