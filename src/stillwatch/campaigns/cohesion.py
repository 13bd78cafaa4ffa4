"""Cohesion: one job, or many people with something in common.

Accounts of one job draw from one pool of prompts: each is like any other in its wording, its
lengths and its hours, and the pool is shared out, so that nobody repeats a sister's prompt and a
scheduler lets the accounts take turns. People who share a framework, a campus or a class each have
wording, hours and bursts of work of their own; strangers who run one benchmark repeat the same
prompts. Settings are looked at as well, but a job can vary them at will.

Only the events of the group's streams are looked at: what cover traffic dilutes is undone.

A *unity* compares accounts by an analysis of variance: minus the log of the intraclass
correlation (Fisher 1925), the share of the variance that lies between accounts. It is high when
accounts are exchangeable and 0 when each is itself, whatever their number and volume.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from stillwatch.campaigns.facets import (
    ALIKE,
    SIGNS,
    held_in_common,
    overlap,
    shares_inside,
    turns,
    unities,
    variation,
    wording,
)
from stillwatch.campaigns.streams import Ints, Streams
from stillwatch.profiles.fields import SAMPLE
from stillwatch.profiles.merge import Profiles

Floats = npt.NDArray[np.float64]

FACETS: tuple[tuple[str, str], ...] = (
    ("accounts", "log of the number of accounts"),
    ("depth", "log of the scaffolded prompts sampled per account"),
    ("exclusivity", "log of the share of all holders of the common shingles that the group has"),
    ("repeats", "share of scaffolded requests that repeat the account's own earlier prompt"),
    ("overlap", "share of scaffolded prompts that occur at a second account: sharded jobs have none"),
    ("wording_unity", "unity of the wording, by the signs of 24 projections of the shingles"),
    ("length_unity", "unity of the words of a scaffolded prompt, in half-octaves"),
    ("output_unity", "unity of the answer's tokens, in half-octaves"),
    ("family_unity", "unity of the phrase families that a scaffolded prompt holds"),
    ("hour_unity", "unity of the hours of the day"),
    ("settings_unity", "unity of the request settings"),
    ("system_unity", "unity of the system prompt"),
    ("turns", "minus the log of how often the same account asks twice running, over chance"),
    ("tactics", "extraction tactics whose words a scaffolded prompt holds, on average"),
    ("evenness", "minus the variation of scaffolded volume over the accounts"),
    ("length", "mean log of the words of a scaffolded prompt"),
    ("output", "mean log of the answer's tokens"),
)  # fmt: skip
"""What is measured on a group, with its meaning."""

NAMES: tuple[str, ...] = tuple(name for name, _ in FACETS)

MEMBERS = 64
"""Accounts of a group that are looked at, at most: a larger one is judged by its first."""
_GROUPS = 128  # groups measured at a time; bounds temporary memory
_HOUR_US = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Cores:
    """Scaffolded events of g groups, a prompt counted once per account; n events in all."""

    starts: Ints
    """Group i has the events ``starts[i]:starts[i + 1]``, shape (g + 1,)."""
    account: Ints
    """Number of the account within its group, ascending, shape (n,)."""
    row: Ints
    """Row of the account."""
    slot: Ints
    """Place in the account's sample."""
    requests: Ints
    """Events before repeated prompts were dropped, shape (g,)."""

    @property
    def accounts(self) -> Ints:
        """How many accounts each group has, shape (g,)."""
        return self.account[self.starts[1:] - 1] + 1

    @property
    def events(self) -> Ints:
        """How many events each group has, shape (g,)."""
        return np.diff(self.starts)


def cores(profiles: Profiles, streams: Streams, groups: list[Ints]) -> Cores:
    """The scaffolded events of groups of streams, of the first ``MEMBERS`` accounts of each."""
    members, bounds = _laid_out([np.sort(group) for group in groups])
    return Cores(
        *_cores(
            profiles["sample_prompt"], streams.owner, streams.event_starts, streams.slots,
            members, bounds,
        )
    )  # fmt: skip


def _laid_out(groups: list[Ints]) -> tuple[Ints, Ints]:
    """Groups one after the other, and where each starts, shape (g + 1,)."""
    sizes = [group.size for group in groups]
    return np.concatenate([np.empty(0, np.int64), *groups]), np.cumsum([0, *sizes])


@njit(nogil=True, cache=True)
def _cores(prompts, owner, event_starts, slots, members, bounds):  # type: ignore[no-untyped-def]
    """The fields of ``Cores``; streams of a group ascend, and so do their owners."""
    groups = bounds.size - 1
    most = (event_starts[members + 1] - event_starts[members]).sum()
    starts = np.zeros(groups + 1, np.int64)
    account = np.empty(most, np.int64)
    row = np.empty(most, np.int64)
    slot = np.empty(most, np.int64)
    requests = np.zeros(groups, np.int64)
    known = np.empty(SAMPLE, prompts.dtype)  # prompts of one account
    n = 0
    for g in range(groups):
        number, last, different = -1, -1, 0
        for stream in members[bounds[g] : bounds[g + 1]]:
            if owner[stream] != last:
                number, last, different = number + 1, owner[stream], 0
            if number == MEMBERS:
                break
            for at in slots[event_starts[stream] : event_starts[stream + 1]]:
                requests[g] += 1
                prompt, new = prompts[last, at], True
                for i in range(different):
                    new &= known[i] != prompt
                if new:
                    known[different] = prompt
                    different += 1
                    account[n], row[n], slot[n] = number, last, at
                    n += 1
        starts[g + 1] = n
    return starts, account[:n].copy(), row[:n].copy(), slot[:n].copy(), requests


def agreement(streams: Streams, groups: list[Ints]) -> list[Ints]:
    """How many common shingles each stream of each group holds, in the order of the group.

    Common are shingles that three in ten of the group's streams hold.
    """
    members, bounds = _laid_out(groups)
    held = held_in_common(streams.key_starts, streams.keys, members, bounds)
    return np.split(held, bounds[1:-1]) if groups else []


def cohesion(profiles: Profiles, streams: Streams, groups: list[Ints], tactic_mask: int) -> Floats:
    """Facets of each group of streams, shape (len(groups), len(FACETS)); NaN where not observed."""

    def part(first: int) -> Floats:
        return _figures(profiles, streams, groups[first : first + _GROUPS], tactic_mask)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        parts = list(pool.map(part, range(0, len(groups), _GROUPS)))
    return np.concatenate([np.empty((0, len(FACETS))), *parts])


def _figures(profiles: Profiles, streams: Streams, groups: list[Ints], tactic_mask: int) -> Floats:
    found = cores(profiles, streams, groups)
    starts, account = found.starts, found.account

    def of(field: str) -> npt.NDArray[np.generic]:
        return np.asarray(profiles[field][found.row, found.slot])

    def unity(codes: npt.NDArray[np.generic], bits: int = 24, mixed: bool = True) -> Floats:
        return np.asarray(unities(codes.astype(np.uint64), account, starts, bits, mixed))

    def mean(values: npt.NDArray[np.generic]) -> Floats:
        return np.add.reduceat(values.astype(np.float64), starts[:-1]) / found.events

    times = of("sample_time").astype(np.int64)
    words = of("sample_words").astype(np.float64)
    answers = of("sample_output").astype(np.float64)
    families, systems = of("sample_families").astype(np.uint64), of("sample_system")
    answered = np.where(mean(answers >= 0) > 0, mean(answers >= 0), np.nan)
    accounts = found.accounts.astype(np.float64)
    columns = (
        np.log(accounts),
        np.log(found.events / accounts),
        _exclusivity(streams, groups),
        1 - found.events / found.requests,
        overlap(of("sample_prompt"), starts),
        unity(wording(of("sample_shingles")), SIGNS, mixed=False),
        unity(2 * np.log2(1 + words)),
        np.where(answered > 0, unity(2 * np.log2(2 + answers)), np.nan),
        unity(families, 64, mixed=False),
        unity(times // _HOUR_US % 24),
        unity(of("sample_style")),
        np.where(mean(systems != 0) > 0, unity(systems), np.nan),
        turns(times, of("sample_key"), account, starts),
        mean(np.bitwise_count(families & np.uint64(tactic_mask))),
        -variation(found.row, account, starts, profiles["sample_key"], profiles["events"]),
        mean(np.log1p(words)),
        mean(np.log1p(np.maximum(answers, 0))) / answered,
    )
    return np.column_stack(columns)


def _exclusivity(streams: Streams, groups: list[Ints]) -> Floats:
    """Log of the mean share, over the common shingles, of their holders that are in the group.

    A phrase of everyday language is held far beyond any group; a job's scaffold is its own.
    """
    members, bounds = _laid_out(groups)
    shares = shares_inside(streams.key_starts, streams.keys, streams.holders, members, bounds)
    return np.asarray(np.log(shares))


def between_accounts(unity: npt.ArrayLike) -> Floats:
    """Share of the variance that lies between accounts, from a unity; not below 0."""
    return np.asarray(np.maximum(0.0, np.exp(-np.asarray(unity)) - 3 * ALIKE))
