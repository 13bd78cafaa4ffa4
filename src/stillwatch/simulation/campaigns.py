"""Draws campaigns: what each wants, which accounts it runs, how they hang together."""

import numpy as np
import pyarrow as pa

from stillwatch.simulation.identity import client_rows
from stillwatch.simulation.interface import (
    NETS,
    CampaignPlan,
    Rows,
    SimulationOptions,
    Tactic,
    Target,
)
from stillwatch.simulation.keys import key, mix
from stillwatch.simulation.library import Library
from stillwatch.simulation.paraphrase import variations
from stillwatch.simulation.populations import NAMES, POPULATIONS
from stillwatch.simulation.recruit import accounts_of
from stillwatch.simulation.settings import WAYS
from stillwatch.simulation.tactics import TACTICS

_TYPICAL = 25
"""Accounts per campaign from which the number of campaigns follows."""


def sizes(
    rng: np.random.Generator, hostile: int, accounts: int, campaigns: int | None = None
) -> list[int]:
    """Split the hostile accounts into ``campaigns`` of unequal size, or into as many as fit."""
    if hostile == 0:
        return []
    least = int(np.clip(accounts // 100, 4, 20))
    count = max(1, hostile // max(least + least // 4, 1 if hostile < _TYPICAL else least))
    count = min(count, 60) if campaigns is None else max(1, min(campaigns, hostile // least))
    spare = max(0, hostile - least * count)
    shares = rng.pareto(1.2, count) + 0.05
    extra = np.floor(spare * shares / shares.sum()).astype(int)
    result = [least + int(e) for e in extra]
    result[0] += hostile - sum(result)
    return [size for size in result if size > 0]


def tactics_of(options: SimulationOptions, count: int) -> list[Tactic]:
    """Choose tactics in the register's order, starting where the seed says."""
    if options.tactics:
        wanted = [tactic for tactic in TACTICS if tactic.name in options.tactics]
        return [wanted[i % len(wanted)] for i in range(count)]
    start = (options.seed - 1) * count
    return [TACTICS[(start + i) % len(TACTICS)] for i in range(count)]


def plan(
    rng: np.random.Generator,
    tactic: Tactic,
    number: int,
    options: SimulationOptions,
    release: float,
    library: Library,
) -> CampaignPlan:
    """Draw the parameters of one campaign."""
    target = tactic.targets[int(rng.integers(0, len(tactic.targets)))]
    own = key(options.seed, 0xCA, number)
    noise, cover = float(rng.uniform(*tactic.noise)), float(rng.uniform(*tactic.cover))
    noise = noise if options.noise is None else options.noise
    head, tail = _scaffold(library, target, own)
    return CampaignPlan(
        campaign_id=f"campaign-{number + 1:03d}",
        number=number,
        tactic=tactic.name,
        target=target,
        key=own,
        rate=float(rng.uniform(*tactic.rate)),
        cover=cover if options.cover is None else options.cover,
        noise=noise,
        shared=bool(rng.random() < tactic.shared),
        balanced=bool(rng.random() < tactic.balanced),
        mimic=bool(rng.random() < 0.6),
        duty=float(rng.uniform(0.35, 0.9)),
        zone=int(rng.choice([8, 8, 3, -5, 1, 5])),
        start=float(rng.uniform(-0.5, 0.35)) * options.days,
        release=release,
        days=options.days,
        heads=pa.array(variations(rng, head, noise), pa.string()),
        tails=pa.array(variations(rng, tail, noise), pa.string()),
        settings=str(rng.choice(WAYS)) if options.settings is None else options.settings,
        pivot=tactic.name == "release_pivot",
        burst=0.7 if tactic.name == "infrastructure_burst" else 0.0,
    )


def _scaffold(library: Library, target: Target, own: int) -> tuple[str, str]:
    """Draw a scaffold; one of its ends may be bare, but not both (unless the target has none)."""
    head = tail = ""
    for attempt in range(20):
        keys = mix(np.array([own], dtype=np.uint64), attempt)
        head = library.text(target.head[attempt % len(target.head)], keys)[0].as_py()
        tail = library.text(target.tail[attempt % len(target.tail)], mix(keys, 1))[0].as_py()
        if len(head) + len(tail) >= 20:
            break
    return head, tail


def members(rng: np.random.Generator, tactic: Tactic, drawn: CampaignPlan, n: int) -> Rows:
    """Recruit the accounts of a campaign: innocent in looks, linked as the plan says."""
    hosts = [NAMES[name] for name in tactic.hosts]
    face = np.array(hosts)[rng.integers(0, len(hosts), n)]
    if rng.random() < 0.5:
        face[:] = face[0]
    parts = [
        accounts_of(rng, POPULATIONS[kind], kind, int((face == kind).sum()), drawn.release)
        for kind in sorted(set(face.tolist()))
    ]
    rows = rng.permutation(np.concatenate(parts))
    rows["campaign"] = drawn.number
    rows["authorized"] = 0
    _cover(rng, rows, drawn)
    _enlist(rng, rows, drawn)
    if drawn.shared:
        _share(rng, rows, drawn)
    if tactic.operate is not None:
        tactic.operate(rng, rows, drawn)
    return rows


def _cover(rng: np.random.Generator, rows: Rows, drawn: CampaignPlan) -> None:
    """Set the cover traffic so that it makes up the planned share."""
    week = rows["active"] * (5 + 2 * np.minimum(rows["weekend"], 1.2)) / 7
    lessons = np.where(rows["weekend"] == 0, 0.4, 1.0)
    wanted = drawn.rate * drawn.cover / np.maximum(week * lessons, 0.05)
    rows["rate"] = wanted * rng.lognormal(-0.18, 0.6, len(rows))


def _enlist(rng: np.random.Generator, rows: Rows, drawn: CampaignPlan) -> None:
    """Sign-up: some campaigns open accounts in a burst, others buy aged ones."""
    if rng.random() < 0.5:
        rows["age"] = max(2.0, -drawn.start) + rng.uniform(1, 60) + rng.exponential(3.0, len(rows))
    if drawn.pivot:
        rows["adopt"] = drawn.release + rng.uniform(0.0, 1.0, len(rows))


def _share(rng: np.random.Generator, rows: Rows, drawn: CampaignPlan) -> None:
    """Put accounts into blocks that share addresses, cards, devices and clients."""
    n = len(rows)
    block = rng.integers(0, max(1, n // int(rng.integers(3, 12))), n).astype(np.uint64)
    where = NETS.index(str(rng.choice(["cloud", "proxy", "home", "vpn"])))
    joined = rng.random(n) < 0.8
    rows["site"] = np.where(joined, mix(block, drawn.key), rows["site"])
    rows["net"] = np.where(joined, where, rows["net"])
    rows["addresses"] = np.where(joined, rng.integers(1, 8, n), rows["addresses"])
    paid = rng.random(n) < rng.uniform(0.1, 0.7)
    rows["card"] = np.where(paid, mix(block, drawn.key ^ 1), rows["card"])
    device = rng.random(n) < rng.uniform(0.0, 0.5)
    rows["device"] = np.where(device, mix(block, drawn.key ^ 2), rows["device"])
    if rng.random() < 0.5:
        rows["client"] = client_rows(("program", "browser", "editor"))[drawn.key % 24]
