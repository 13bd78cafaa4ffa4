"""Turns the ranges of a population into account and style rows."""

import numpy as np

from stillwatch.simulation.identity import CHANNELS, ZONES, client_rows, country_of
from stillwatch.simulation.interface import (
    ACCOUNT,
    CLOCKS,
    NETS,
    PATHS,
    STYLE,
    SYSTEMS,
    Manner,
    Population,
    Range,
    Rhythm,
    Rows,
    Standing,
)
from stillwatch.simulation.keys import Keys, choose, fresh, mix, pick

_VPN_EXITS = 24


def accounts_of(
    rng: np.random.Generator, population: Population, kind: int, n: int, release: float
) -> Rows:
    """Draw n accounts of a population. ``release``: day of the new model."""
    rows = np.zeros(n, dtype=ACCOUNT)
    rows["key"], rows["kind"], rows["campaign"] = fresh(rng, n), kind, -1
    _settle(rng, rows, population.standing)
    _keep_time(rng, rows, population.rhythm)
    _sign_up(rng, rows, population.standing)
    _taste(rng, rows, population.standing, release)
    return rows


def styles_of(rng: np.random.Generator, manner: Manner, keys: Keys) -> Rows:
    """Draw a style row for each account key."""
    n = len(keys)
    rows = np.zeros(n, dtype=STYLE)
    rows["max_tokens_p"] = (rng.random(n) < manner.max_tokens) * rng.choice([1.0, 1.0, 0.6], n)
    rows["max_tokens"] = choose(rng, n, manner.limits)
    rows["temperature"] = choose(rng, n, manner.temperatures)
    rows["top_p"] = np.where(rng.random(n) < 0.15, choose(rng, n, (0.9, 0.95, 1.0)), -1.0)
    for name in ("logprobs", "json", "tools", "reasoning", "stream", "choices", "batch"):
        column = "tools_p" if name == "tools" else name
        rows[column] = (rng.random(n) < getattr(manner, name)) * rng.beta(4.0, 1.0, n)
    rows["schema"] = rng.random(n) < 0.4
    rows["tools"] = 1 + rng.poisson(5.0, n)
    rows["threads"] = rng.random(n) < manner.threads
    systems = np.array([SYSTEMS.index(name) for name in manner.systems])
    rows["system"] = systems[rng.integers(0, len(systems), n)]
    # A framework's system prompt is shared by thousands, an app's belongs to the account.
    shared = rows["system"] != SYSTEMS.index("system.app")
    rows["system_key"] = np.where(shared, pick(mix(keys, 21), 6), keys)
    rows["output"] = _between(rng, n, manner.output) * rng.lognormal(0.0, 0.3, n)
    return rows


def _settle(rng: np.random.Generator, rows: Rows, standing: Standing) -> None:
    """Place accounts on sites and in countries."""
    n = len(rows)
    sites = fresh(rng, max(1, round(n / standing.group)))
    seat = pick(fresh(rng, n), len(sites))
    rows["site"] = sites[seat] if standing.group > 1 else rows["key"]
    nets = np.array([NETS.index(name) for name in standing.nets])
    rows["net"] = nets[pick(mix(rows["site"], 31), len(nets))]
    vpn = rows["net"] == NETS.index("vpn")
    rows["country"] = country_of(mix(rows["site"], 32))
    rows["site"] = np.where(
        vpn, mix(pick(rows["key"], _VPN_EXITS).astype(np.uint64), 33), rows["site"]
    )
    rows["addresses"] = np.round(_between(rng, n, standing.addresses))
    if standing.group > 1:
        rows["addresses"] = np.minimum(rows["addresses"], 1 + pick(mix(rows["site"], 34), 2))
    rows["zone"] = np.array(ZONES)[rows["country"]]


def _keep_time(rng: np.random.Generator, rows: Rows, rhythm: Rhythm) -> None:
    n = len(rows)
    rows["rate"] = np.minimum(rhythm.rate * rng.lognormal(0.0, rhythm.spread, n), 3000.0)
    rows["active"] = _between(rng, n, rhythm.active)
    rows["weekend"] = _between(rng, n, rhythm.weekend)
    clocks = np.array([CLOCKS.index(name) for name in rhythm.clocks])
    rows["clock"] = clocks[rng.integers(0, len(clocks), n)]
    rows["turns"] = np.maximum(1.0, rhythm.turns * rng.lognormal(-0.1, 0.3, n))
    rows["gap"] = rhythm.gap * rng.lognormal(0.0, 0.4, n)
    rows["first"], rows["last"] = -np.inf, np.inf
    rows["banned"] = np.nan


def _sign_up(rng: np.random.Generator, rows: Rows, standing: Standing) -> None:
    n = len(rows)
    families = client_rows(tuple("program" if c == "sdk" else c for c in standing.clients))
    rows["client"] = families[rng.integers(0, len(families), n)]
    market = rng.random(n) < standing.marketplace
    rows["channel"] = np.where(market, rng.integers(1, len(CHANNELS), n), 0)
    low, high = standing.age
    rows["age"] = low + (high - low) * rng.beta(1.0, 1.6, n)
    paths = np.array([PATHS.index(name) for name in standing.paths])
    rows["path"] = paths[pick(mix(rows["site"], 35), len(paths))]
    rows["verified"] = rng.random(n) < standing.verified
    organised = rng.random(n) < standing.organised
    rows["org"] = np.where(organised, mix(rows["site"], 36), 0)
    together = rng.random(n) < standing.shared_card
    rows["card"] = np.where(together, mix(rows["site"], 37), mix(rows["key"], 37))
    rows["device"] = np.where(rng.random(n) < 0.04, mix(rows["site"], 38), mix(rows["key"], 38))
    rows["handle"] = mix(rows["key"], 39)
    rows["authorized"] = standing.authorized
    rows["end_users"] = np.round(_between(rng, n, standing.end_users))


def _taste(rng: np.random.Generator, rows: Rows, standing: Standing, release: float) -> None:
    """When an account tries the new model, and how much of its traffic moves."""
    n = len(rows)
    rows["adopt"] = release + rng.exponential(standing.adoption, n)
    rows["new_share"] = rng.beta(2.0, 1.5, n)
    rows["small"] = np.where(rng.random(n) < 0.5, rng.beta(1.0, 3.0, n), rng.beta(3.0, 1.0, n))


def _between(rng: np.random.Generator, n: int, ends: Range) -> np.ndarray:
    return ends[0] + (ends[1] - ends[0]) * rng.random(n)
