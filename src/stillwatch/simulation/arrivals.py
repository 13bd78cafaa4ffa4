"""When requests arrive: people with nights and weekends, machines with schedules, jobs.

Rules
    * A day is UTC; an account lives in its own time zone.
    * A day's sessions are drawn at once for all accounts; a session that would run past
      midnight starts earlier instead, so that a day's file is complete.
    * A campaign's requests come from one scheduler that knows all its accounts.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from stillwatch.simulation.interface import CLOCKS, Bools, CampaignPlan, Floats, Ints, Rows
from stillwatch.simulation.keys import Keys, fresh, mix, pick, unit

DAY = 86_400.0

_CURVES = {
    "evening": (2, 1, 0.5, 0.3, 0.3, 0.5, 1, 2, 2, 2, 2, 3, 4, 3, 3, 3, 4, 5, 7, 9, 10, 10, 8, 5),
    "waking": (0.7, 0.3, 0.2, 0.1, 0.2, 0.5, 1, 2, 4, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 4, 3, 2),
    "office": (0.1, 0.1, 0.1, 0.1, 0.1, 0.2, 0.5, 2, 6, 9, 10, 9, 6, 8, 10, 9, 8, 6, 3, 1, 1, 1, 0.5, 0.2),
    "flat": (1,) * 24,
    "night": (9, 10, 10, 8, 5, 2, 0.3, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.3, 1, 4),
    "lesson": (0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0),
    "run": (0.3, 0.2, 0.2, 0.1, 0.1, 0.2, 0.3, 1, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 2, 2, 2, 1, 1, 0.5),
    "cron": (1,) * 24,
}  # fmt: skip
_CUMULATIVE = np.cumsum(
    [np.array(_CURVES[name]) / np.sum(_CURVES[name]) for name in CLOCKS], axis=1
)
_WAKING = np.array(_CURVES["waking"]) / max(_CURVES["waking"])
_GOLDEN = (5**0.5 - 1) / 2
_LESSON, _RUN, _CRON = (CLOCKS.index(name) for name in ("lesson", "run", "cron"))


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests without content; arrays of one length."""

    account: Ints
    """Row of the account."""
    seconds: Floats
    """Seconds since the start of the day."""
    turn: Ints
    thread: Keys
    """Key of the conversation."""
    item: Ints
    """Number in the campaign's prompt set; -1 for requests that serve no campaign."""


def join(parts: list[Requests]) -> Requests:
    """Put requests together, in time order."""
    seconds = np.concatenate([part.seconds for part in parts])
    order = np.argsort(seconds, kind="stable")
    return Requests(
        np.concatenate([part.account for part in parts])[order],
        seconds[order],
        np.concatenate([part.turn for part in parts])[order],
        np.concatenate([part.thread for part in parts])[order],
        np.concatenate([part.item for part in parts])[order],
    )


def alive(accounts: Rows, day: int) -> Bools:
    """Say which accounts exist and may ask on a day."""
    return np.asarray((accounts["first"] < day + 1) & (accounts["last"] > day))


def ordinary(
    rng: np.random.Generator, accounts: Rows, day: int, weekday: int, gaps: Floats | None = None
) -> Requests:
    """Draw a day of ordinary traffic (innocent accounts, and the cover of hostile ones).

    ``weekday`` is 0 for Monday; ``gaps`` are empirical seconds between turns, if known.
    """
    who = np.flatnonzero(alive(accounts, day) & _active(rng, accounts, day, weekday))
    people = accounts[who]
    mean = people["rate"] / people["turns"] * rng.gamma(4.0, 0.25, size=len(who))
    session = np.repeat(np.arange(len(who)), rng.poisson(mean))
    start = _starts(rng, people[session], day)
    turns = rng.geometric(1.0 / people["turns"][session])
    return _expand(
        rng, who[session], start, turns, people["gap"][session], gaps, day, people[session]
    )


def _active(rng: np.random.Generator, accounts: Rows, day: int, weekday: int) -> Bools:
    """Whether each account asks anything today; a class meets or it does not."""
    chance = accounts["active"] * np.where(weekday >= 5, accounts["weekend"], 1.0)
    own = rng.random(len(accounts)) < chance
    meets = unit(mix(accounts["site"], 7000 + day)) < 0.4
    return np.asarray(own & (meets | (accounts["clock"] != _LESSON)))


def _starts(rng: np.random.Generator, rows: Rows, day: int) -> Floats:
    """Second of the UTC day at which each session starts."""
    n, clock = len(rows), rows["clock"].astype(np.int64)
    hour = (rng.random(n)[:, None] > _CUMULATIVE[clock]).sum(axis=1) + rng.random(n)
    shared = np.where(clock == _LESSON, rows["site"], rows["key"])
    appointed = mix(shared, 8000 + day)
    span = np.where(clock == _LESSON, 0.8, 0.3 + 3.0 * unit(mix(appointed, 1)))
    block = 8.5 + pick(appointed, 8) + span * rng.random(n)
    hour = np.where((clock == _LESSON) | (clock == _RUN), block, hour)
    seconds = ((hour - rows["zone"]) % 24.0) * 3600.0
    return np.asarray(np.where(clock == _CRON, _on_schedule(rng, rows, seconds), seconds))


def _on_schedule(rng: np.random.Generator, rows: Rows, seconds: Floats) -> Floats:
    """Snap to the account's own interval (5 to 60 minutes) with a little jitter."""
    interval = np.array([300.0, 600.0, 900.0, 3600.0])[pick(mix(rows["key"], 11), 4)]
    ticks = np.floor(seconds / interval) + unit(mix(rows["key"], 12))
    return np.asarray((ticks * interval + rng.exponential(4.0, len(rows))) % DAY)


def _expand(
    rng: np.random.Generator,
    account: Ints,
    start: Floats,
    turns: Ints,
    gap: Floats,
    gaps: Floats | None,
    day: int,
    rows: Rows,
) -> Requests:
    """Turn sessions into requests."""
    session = np.repeat(np.arange(len(account)), turns)
    first = np.cumsum(turns) - turns
    turn = np.arange(len(session)) - first[session]
    if gaps is None:
        waits = gap[session] * rng.lognormal(0.0, 0.9, len(session))
    else:
        waits = rng.choice(gaps, len(session)) * (gap[session] / float(np.median(gaps)))
    waits[turn == 0] = 0.0
    elapsed = np.cumsum(waits)
    elapsed -= elapsed[first[session]]
    length = elapsed[first + turns - 1] if len(account) else start
    begin = np.minimum(start, np.maximum(DAY - 1.0 - length, 0.0))
    seconds = np.minimum(begin[session] + elapsed, DAY - 1e-3)
    thread = mix(rows["key"], day + 1) ^ fresh(rng, len(account))
    none = np.full(len(session), -1, dtype=np.int64)
    return Requests(account[session], seconds, turn, thread[session], none)


def scheduled(
    rng: np.random.Generator,
    accounts: Rows,
    members: Ints,
    plan: CampaignPlan,
    day: int,
    weekday: int,
    next_item: int,
    volume: float = 1.0,
) -> Requests:
    """Draw a day of a campaign's job: its accounts divide the items from ``next_item`` on."""
    ready = members[alive(accounts[members], day)]
    ready = ready[_on_duty(rng, accounts[ready], plan, weekday)]
    if len(ready) == 0 or day + 1 <= plan.start:
        return _expand(
            rng, ready[:0], np.empty(0), ready[:0], np.empty(0), None, day, accounts[ready[:0]]
        )
    mean = len(ready) * plan.rate * (1 - plan.cover) * volume * rng.gamma(20.0, 0.05)
    mean /= plan.duty
    seconds = np.sort(_job_times(rng, plan, int(rng.poisson(mean)), day))
    account = _assign(rng, accounts, ready, plan, seconds)
    n, rows = len(account), accounts[account]
    more = np.where(rows["turns"] > 1.5, 0.25, 0.05)
    turns = 1 + (rng.random(n) < more).astype(np.int64)
    asked = _expand(rng, account, seconds, turns, np.full(n, 25.0), None, day, rows)
    items = np.repeat(_items(rng, n, next_item), turns)
    return Requests(asked.account, asked.seconds, asked.turn, asked.thread, items)


def _items(rng: np.random.Generator, n: int, next_item: int) -> Ints:
    """New items in random order, and one retry in forty of an item that was asked before."""
    items = next_item + rng.permutation(n)
    if next_item:
        retry = rng.random(n) < 0.025
        items[retry] = rng.integers(0, next_item, size=int(retry.sum()))
    return items.astype(np.int64)


def _job_times(rng: np.random.Generator, plan: CampaignPlan, n: int, day: int) -> Floats:
    """Seconds of the day at which the scheduler emits requests."""
    clock = CLOCKS.index("waking" if plan.mimic else ("flat", "office", "waking")[plan.key % 3])
    hour = (rng.random(n)[:, None] > _CUMULATIVE[clock]).sum(axis=1) + rng.random(n)
    if plan.burst > 0:
        centre = 24.0 * unit(np.array([mix(np.array([plan.key], dtype=np.uint64), day)[0]]))[0]
        near = centre + rng.normal(0.0, 1.0, n)
        hour = np.where(rng.random(n) < plan.burst, near, hour)
    return np.asarray(((hour - plan.zone) % 24.0) * 3600.0)


def _on_duty(rng: np.random.Generator, rows: Rows, plan: CampaignPlan, weekday: int) -> Bools:
    """Which accounts work today: nobody works every day, fewer do at weekends."""
    own = plan.duty + 0.5 * (unit(mix(rows["key"], 600)) - 0.5)
    rest = 0.5 if weekday >= 5 and plan.mimic else 1.0
    return np.asarray(rng.random(len(rows)) < np.clip(own, 0.15, 0.95) * rest)


def _assign(
    rng: np.random.Generator, accounts: Rows, ready: Ints, plan: CampaignPlan, seconds: Floats
) -> Ints:
    """Give every request an account: in turns or at random, among those awake, by load.

    Taking turns is a golden-ratio sequence over the accounts' cumulated loads: it serves each
    account at even distances, in proportion to its load.
    """
    order = rng.permutation(ready)
    load = np.exp(0.7 * ndtri(np.clip(unit(mix(accounts["key"][order], 601)), 1e-9, 1 - 1e-9)))
    hour = (seconds // 3600.0).astype(np.int64)
    chosen = np.empty(len(seconds), dtype=np.int64)
    for h in np.unique(hour):
        local = (h + accounts["zone"][order].astype(np.int64)) % 24
        awake = (_WAKING[local] > 0.15) | (not plan.mimic)
        share = load * (awake if awake.any() else 1.0)
        slots = np.flatnonzero(hour == h)
        at = slots * _GOLDEN % 1.0 if plan.balanced else rng.random(len(slots))
        chosen[slots] = order[np.searchsorted(np.cumsum(share) / share.sum(), at, side="right")]
    return chosen
