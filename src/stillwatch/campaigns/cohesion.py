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

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit, uint64

from stillwatch.campaigns.streams import Ints, Streams, occurrences
from stillwatch.profiles.estimators import sampled
from stillwatch.profiles.fields import NO_SHINGLE
from stillwatch.profiles.hashing import mix64
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
    ("disguise", "variation over the accounts of the share of their traffic that is scaffolded"),
    ("tactics", "extraction tactics whose words a scaffolded prompt holds, on average"),
    ("evenness", "minus the variation of scaffolded volume over the accounts"),
    ("length", "mean log of the words of a scaffolded prompt"),
    ("output", "mean log of the answer's tokens"),
)  # fmt: skip
"""What is measured on a group, with its meaning."""

NAMES: tuple[str, ...] = tuple(name for name, _ in FACETS)

_MEMBERS = 64  # accounts looked at, at most: a larger group is judged by its first
_COMMON = 0.3  # share of a group's streams from which a shingle is common
_ALIKE = 0.01  # share of variance between accounts below which they count as exchangeable
_HOUR_US = 3_600_000_000
_SIGNS = 24  # of the shingles of a prompt
_RARE = 0.02  # share of neighbours below which "the same account" is not told from "never"


@dataclass(frozen=True, slots=True)
class Core:
    """Scaffolded events of one group, a prompt counted once per account."""

    account: Ints
    """Number of the account within the group, ascending."""
    row: Ints
    """Row of the account."""
    slot: Ints
    """Place in the account's sample."""
    requests: int
    """Events before repeated prompts were dropped."""

    @property
    def accounts(self) -> int:
        """How many accounts there are."""
        return int(self.account[-1]) + 1


def core(profiles: Profiles, streams: Streams, group: Ints) -> Core:
    """The scaffolded events of a group of streams, of its first ``_MEMBERS`` accounts."""
    owner = streams.owner[group]
    owners = np.unique(owner)[:_MEMBERS]
    row, slot = streams.events(group[owner <= owners[-1]])
    account = np.searchsorted(owners, row)
    prompt = profiles["sample_prompt"][row, slot].astype(np.int64)
    _, first = np.unique(account << 32 | prompt, return_index=True)
    return Core(account[first], row[first], slot[first], row.size)


def agreement(streams: Streams, group: Ints) -> Ints:
    """How many common shingles each stream of a group holds.

    Common are shingles that three in ten of the group's streams hold.
    """
    at, sizes = streams.skeletons(group)
    member = np.repeat(np.arange(group.size), sizes)
    common = occurrences(streams.keys[at]) >= _COMMON * group.size
    return np.bincount(member[common], minlength=group.size)


def common_shingles(streams: Streams, group: Ints) -> npt.NDArray[np.uint32]:
    """The common shingles of a group of streams, ascending."""
    at, _ = streams.skeletons(group)
    keys, held = np.unique(streams.keys[at], return_counts=True)
    return np.asarray(keys[held >= _COMMON * group.size])


def cohesion(profiles: Profiles, streams: Streams, groups: list[Ints], tactic_mask: int) -> Floats:
    """Facets of each group of streams, shape (len(groups), len(FACETS)); NaN where not observed."""
    out = np.full((len(groups), len(FACETS)), np.nan)
    sizes = sampled(profiles)
    for number, group in enumerate(groups):
        events = core(profiles, streams, group)
        out[number, :2] = np.log(events.accounts), np.log(events.account.size / events.accounts)
        out[number, 2] = _exclusivity(streams, group)
        out[number, 3:] = _facets(profiles, events, sizes, tactic_mask)
    return out


def _exclusivity(streams: Streams, group: Ints) -> float:
    """Log of the mean share, over the common shingles, of their holders that are in the group.

    A phrase of everyday language is held far beyond any group; a job's scaffold is its own.
    """
    at, _ = streams.skeletons(group)
    inside = occurrences(streams.keys[at])
    common = inside >= _COMMON * group.size
    if not common.any():
        return float("nan")
    at, inside = at[common], inside[common]
    _, first = np.unique(streams.keys[at], return_index=True)
    return float(np.log((inside[first] / streams.holders[at[first]]).mean()))


def _facets(profiles: Profiles, events: Core, sizes: Ints, tactic_mask: int) -> tuple[float, ...]:
    def of(field: str) -> npt.NDArray[np.generic]:
        return np.asarray(profiles[field][events.row, events.slot])

    account, n = events.account, events.account.size
    k = events.accounts

    def unity(codes: npt.NDArray[np.generic]) -> float:
        return float(_unity(codes.astype(np.uint64), account, k, 24, True))

    times = of("sample_time").astype(np.int64)
    words = of("sample_words").astype(np.float64)
    answers = of("sample_output").astype(np.float64)
    families, systems = of("sample_families").astype(np.uint64), of("sample_system")
    answered = bool((answers >= 0).any())
    rows = events.row[np.diff(account, prepend=-1) > 0]
    share = np.bincount(account, minlength=k) / sizes[rows]
    return (
        1 - n / events.requests,
        _overlap(of("sample_prompt").astype(np.int64)),
        float(_unity(_wording(of("sample_shingles")), account, k, _SIGNS, False)),
        unity(2 * np.log2(1 + words)),
        unity(2 * np.log2(2 + answers)) if answered else np.nan,
        float(_unity(families, account, k, 64, False)),
        unity(times // _HOUR_US % 24),
        unity(of("sample_style")),
        unity(systems) if systems.any() else np.nan,
        _turns(times, of("sample_key"), account),
        float(share.std()),
        float(np.bitwise_count(families & np.uint64(tactic_mask)).mean()),
        -_variation(share * profiles["events"][rows]),
        float(np.log1p(words).mean()),
        float(np.log1p(answers[answers >= 0]).mean()) if answered else np.nan,
    )


def _overlap(prompt: Ints) -> float:
    _, where, holders = np.unique(prompt, return_inverse=True, return_counts=True)
    return float((holders[where] > 1).mean())


def _turns(times: Ints, ties: npt.NDArray[np.generic], account: Ints) -> float:
    """Do the accounts take turns? Compares neighbours in time with a random order.

    People ask in bursts and at hours of their own, so that one is often followed by itself.
    Events of one moment are ordered by ``ties``, which must not depend on the account.
    """
    order = account[np.lexsort((ties, times))]
    chance = np.square(np.bincount(account) / account.size).sum()
    same = (order[1:] == order[:-1]).mean() if order.size > 1 else chance
    return -float(np.log((same + _RARE) / (chance + _RARE)))


def _variation(volume: Floats) -> float:
    """Coefficient of variation of the accounts' scaffolded volume, scaled up from the samples."""
    return float(volume.std() / volume.mean())


@njit(nogil=True, cache=True)
def _wording(shingles):  # type: ignore[no-untyped-def]
    """Signs of the summed random signs of a prompt's shingles (SimHash, Charikar 2002)."""
    codes = np.zeros(shingles.shape[0], np.uint64)
    ones = np.zeros(_SIGNS, np.int64)
    for i in range(codes.size):
        ones[:] = 0
        n = 0
        for s in range(shingles.shape[1]):
            if shingles[i, s] == NO_SHINGLE:
                break
            code = mix64(uint64(shingles[i, s]))
            for b in range(_SIGNS):
                ones[b] += np.int64((code >> uint64(b)) & uint64(1))
            n += 1
        for b in range(_SIGNS):
            codes[i] |= uint64(2 * ones[b] > n) << uint64(b)
    return codes


@njit(nogil=True, cache=True)
def _unity(codes, account, k, bits, mixed):  # type: ignore[no-untyped-def]
    """Minus the log of the intraclass correlation over ``bits`` signs.

    Categories are ``mixed`` first: a hash turns each into a random vector of signs. Correlations
    below ``_ALIKE`` are not told apart: samples are too small for it.
    """
    n = account.size
    signs = np.zeros((k, bits), np.int32)
    counts = np.zeros(k)
    for i in range(n):
        code = mix64(codes[i]) if mixed else codes[i]
        counts[account[i]] += 1
        own_signs = signs[account[i]]
        for b in range(bits):
            own_signs[b] += np.int32((code >> uint64(b)) & uint64(1))
    sums = np.empty((k, bits))
    for a in range(k):
        for b in range(bits):
            sums[a, b] = 2 * signs[a, b] - counts[a]
    own = whole = squares = 0.0
    for a in range(k):
        squares += counts[a] * counts[a]
    for b in range(bits):
        total = 0.0
        for a in range(k):
            own += sums[a, b] * sums[a, b] / counts[a]
            total += sums[a, b]
        whole += total * total / n
    if n <= k + 2 or k < 2:
        return np.nan
    between, within = (own - whole) / (k - 1), (n * bits - own) / (n - k)
    size = (n - squares / n) / (k - 1)  # of an account, averaged as unequal ones must be
    whole_variance = between + (size - 1) * within
    share = (between - within) / whole_variance if whole_variance > 0 else 0.0
    return -np.log(max(share, _ALIKE) + 2 * _ALIKE)


def between_accounts(unity: npt.ArrayLike) -> Floats:
    """Share of the variance that lies between accounts, from a unity; not below 0."""
    return np.asarray(np.maximum(0.0, np.exp(-np.asarray(unity)) - 3 * _ALIKE))
