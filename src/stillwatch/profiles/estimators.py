"""Statistics of a profile's sketches that do not depend on how many events it holds.

Accounts are compared across volumes, so each estimator here is unbiased at any n, or says where
it is not. Too few events give NaN ("not observed"), never 0.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from stillwatch.profiles.fields import (
    BINS,
    EMPTY,
    FEATURES,
    FOURIER_UNIT,
    NO_SHINGLE,
    SAMPLE,
    SKETCH,
)
from stillwatch.profiles.merge import Profiles
from stillwatch.profiles.recurrence import SLOTS, first_of, size, tabulate

Floats = npt.NDArray[np.float64]


def ratio(part: npt.ArrayLike, whole: npt.ArrayLike, least: int = 1) -> Floats:
    """``part / whole``, NaN where ``whole < least``; shapes broadcast."""
    part, whole = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    out = np.full(np.broadcast(part, whole).shape, np.nan)
    np.divide(part, whole, out=out, where=whole >= least)
    return out


@njit(nogil=True, cache=True)
def _coincidence(counts, cell_of, cells):  # type: ignore[no-untyped-def]
    out = np.full(counts.shape[0], np.nan)
    total = np.zeros(cells, np.float64)
    for row in range(counts.shape[0]):
        for j in range(counts.shape[1]):
            if counts[row, j]:  # few are: most hours of most accounts are silent
                total[cell_of[j]] += counts[row, j]
        n = same = 0.0
        for cell in range(cells):
            n += total[cell]
            same += total[cell] * (total[cell] - 1)
            total[cell] = 0
        if n >= 2:
            out[row] = same / (n * (n - 1))
    return out


def coincidence(
    counts: npt.NDArray[np.unsignedinteger], cell_of: npt.NDArray[np.int64] | None = None
) -> Floats:
    """Chance that two different events fall into the same cell, from counts (n, cells).

    The unbiased estimate of Simpson's index, sum c(c-1) / n(n-1) (Simpson 1949). ``cell_of``
    says which coarser cell each column belongs to. NaN below 2 events.
    """
    if cell_of is None:
        cell_of = np.arange(counts.shape[1])
    return np.asarray(_coincidence(counts, cell_of, int(cell_of.max()) + 1))


def distinct(registers: npt.NDArray[np.uint8]) -> Floats:
    """Number of distinct keys from HyperLogLog registers (n, m).

    Flajolet et al. 2007 with linear counting below 2.5 m; standard error 1.04 / sqrt(m).
    """
    m = registers.shape[1]
    alpha = 0.7213 / (1 + 1.079 / m)
    raw = alpha * m * m / np.exp2(-registers.astype(np.float64)).sum(axis=1)
    zeros = (registers == 0).sum(axis=1)
    linear = m * np.log(m / np.maximum(zeros, 1))
    return np.asarray(np.where((raw <= 2.5 * m) & (zeros > 0), linear, raw))


def mean_log2(histogram: npt.NDArray[np.uint32]) -> Floats:
    """Mean of log2(size) from a half-octave histogram (n, BINS)."""
    return ratio(histogram @ _BIN_LOG2, histogram.sum(axis=1))


_BIN_LOG2 = (np.arange(BINS) + 0.5) / 2


def burstiness(by_hour: npt.NDArray[np.uint32], span_hours: Floats) -> Floats:
    """How much likelier two requests share an hour than if spread evenly over the span.

    1 is Poisson around the clock, below 1 is paced, far above 1 is human. NaN below 2 events.
    """
    return coincidence(by_hour) * np.maximum(span_hours, 1.0)


def squared_distance(fourier: npt.NDArray[np.int64], n: Floats, centre: Floats) -> Floats:
    """Unbiased squared MMD of each profile's prompts to a reference mean.

    ``fourier`` (p, FEATURES) sums of features whose squared norm is constant (cosine and sine of
    the same projection), so the self-term is known without the single prompts (Gretton et al.
    2012, lemma 6; Rahimi & Recht 2007). May be negative. NaN below 2 events.
    """
    half = fourier.shape[1] / 2  # squared norm of one prompt's features
    sums = fourier.astype(np.float64) / FOURIER_UNIT
    own = ratio((sums * sums).sum(axis=1) - n * half, n * (n - 1), 2)
    cross = ratio(sums @ centre, n)
    return np.asarray((own - 2 * cross + centre @ centre) / half)


def mean_feature(profiles: Profiles, rows: npt.NDArray[np.int64]) -> Floats:
    """Mean Fourier feature vector of the accounts ``rows``, each counted alike, (FEATURES,)."""
    total = np.zeros(FEATURES)
    for start in range(0, rows.size, 4096):
        part = rows[start : start + 4096]
        sums, events = profiles["fourier"][part], profiles["events"][part]
        total += (sums / np.maximum(events, 1)[:, None]).sum(axis=0)
    return total / FOURIER_UNIT / max(1, rows.size)


def sampled(profiles: Profiles) -> npt.NDArray[np.int64]:
    """Number of events in each sample, shape (p,)."""
    return np.asarray((profiles["sample_key"] != EMPTY).sum(axis=1))


@njit(nogil=True, cache=True)
def _pairs(values, sizes):  # type: ignore[no-untyped-def]
    out = np.full(sizes.size, np.nan)
    own = np.empty(values.shape[1], values.dtype)
    for p in range(sizes.size):
        n = sizes[p]
        if n < 2:
            continue
        own[:] = values[p]  # side by side, so that several are compared at once
        same = 0
        for a in range(n):
            for b in range(a):
                same += own[a] == own[b]
        out[p] = 2.0 * same / (n * (n - 1))
    return out


def sample_coincidence(values: npt.NDArray[np.generic], sizes: npt.NDArray[np.int64]) -> Floats:
    """Chance that two sampled events agree in ``values`` (p, SAMPLE); NaN below 2 events."""
    return np.asarray(_pairs(values, sizes))


@njit(nogil=True, cache=True)
def _wording(shingles, prompts, sizes, share, least, similarity, keys, counts):  # type: ignore[no-untyped-def]
    """Count shingles over all events and over the different prompts of each sample.

    Similarity is taken over pairs of events that differ in prompt: chance of a pair, so that it
    does not depend on how often each prompt came.
    """
    width = keys.shape[1]
    table = np.zeros(SLOTS, np.uint32)
    events = np.zeros(SLOTS, np.uint64)
    filled = np.empty(SAMPLE * SKETCH, np.int16)
    prompt = np.empty(SAMPLE, np.uint32)
    first = np.empty(SAMPLE, np.int64)
    for p in range(sizes.size):
        n = sizes[p]
        prompt[:] = prompts[p]
        different = first_of(prompt, n, first)
        prompts_n = size(different)
        used = tabulate(shingles[p], n, table, events, filled)
        shared = held = 0
        needed = max(least, int(np.ceil(share * prompts_n)))
        for f in range(used):
            at = filled[f]
            seen = size(events[at])
            shared += seen * (seen - 1)
            held += seen * (n - 1)
            distinct_n = size(events[at] & different)
            if distinct_n >= needed:
                _keep(keys[p], counts[p], table[at], distinct_n, width)
            events[at] = 0
        if prompts_n < n:
            equal = _equal_pairs(shingles[p], first, n)
            shared -= equal
            held -= equal
        if held > 0:
            similarity[p] = shared / held


@njit(nogil=True, cache=True)
def _equal_pairs(shingles, first, n):  # type: ignore[no-untyped-def]
    """Shingles of events, each as often as another event has the same prompt."""
    alike = np.zeros(n, np.int64)
    for a in range(n):
        alike[first[a]] += 1
    total = 0
    for a in range(n):
        for s in range(SKETCH):
            if shingles[a, s] == NO_SHINGLE:
                break
            total += alike[first[a]] - 1
    return total


@njit(nogil=True, cache=True)
def _keep(keys, counts, key, count, width):  # type: ignore[no-untyped-def]
    """Insert into a list ordered by count, then key (so that the order of the sample is moot)."""
    slot = width
    while slot > 0 and (
        counts[slot - 1] < count or (counts[slot - 1] == count and keys[slot - 1] > key)
    ):
        slot -= 1
    if slot == width:
        return
    for j in range(width - 1, slot, -1):
        keys[j] = keys[j - 1]
        counts[j] = counts[j - 1]
    keys[slot] = key
    counts[slot] = count


@dataclass(frozen=True, slots=True)
class Wording:
    """What the different sampled prompts of each account have in common."""

    similarity: Floats
    """Share of a prompt's shingles that a random other prompt holds too, 0-1; NaN below 2."""
    keys: npt.NDArray[np.uint32]
    """Skeleton: hashes of recurring shingles, the most frequent first, 0 = none; (p, width)."""
    counts: npt.NDArray[np.uint32]
    """In how many of the different sampled prompts each occurs."""


def wording(profiles: Profiles, *, width: int = 16, share: float = 0.3, least: int = 3) -> Wording:
    """Compare the shingle sketches of each account's different sampled prompts.

    A shingle belongs to the skeleton when at least ``share`` of the different sampled prompts
    (and at least ``least`` of them) hold it: all shingles together would drown it in slots.
    """
    result = Wording(
        np.full(profiles.size, np.nan),
        np.zeros((profiles.size, width), dtype=np.uint32),
        np.zeros((profiles.size, width), dtype=np.uint32),
    )
    _wording(
        profiles["sample_shingles"],
        profiles["sample_prompt"],
        sampled(profiles),
        share,
        least,
        result.similarity,
        result.keys,
        result.counts,
    )
    return result
