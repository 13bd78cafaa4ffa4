"""The kernels behind the facets of cohesion: one pass over the events of many groups each.

Arrays are those of ``cohesion.Cores``: group g has the events ``starts[g]:starts[g + 1]``, in order
of the accounts, and a kernel returns one figure a group.
"""

import numpy as np
from numba import njit, uint64

from stillwatch.campaigns.streams import occurrences
from stillwatch.profiles.fields import EMPTY, NO_SHINGLE
from stillwatch.profiles.hashing import mix64

COMMON = 0.3  # share of a group's streams from which a shingle is common
ALIKE = 0.01  # share of variance between accounts below which they count as exchangeable
SIGNS = 24  # of the shingles of a prompt
_RARE = 0.02  # share of neighbours below which "the same account" is not told from "never"


@njit(nogil=True, cache=True)
def _keys_of(starts, keys, group):  # type: ignore[no-untyped-def]
    """Skeletons of the streams of a group, one after the other."""
    out = np.empty((starts[group + 1] - starts[group]).sum(), keys.dtype)
    n = 0
    for stream in group:
        for at in range(starts[stream], starts[stream + 1]):
            out[n] = keys[at]
            n += 1
    return out


@njit(nogil=True, cache=True)
def held_in_common(starts, keys, members, bounds):  # type: ignore[no-untyped-def]
    """How many common shingles each of the streams ``members`` holds, group by group."""
    held = np.zeros(members.size, np.int64)
    for g in range(bounds.size - 1):
        group = members[bounds[g] : bounds[g + 1]]
        inside = occurrences(_keys_of(starts, keys, group))
        at = 0
        for i in range(group.size):
            for _ in range(starts[group[i]], starts[group[i] + 1]):
                held[bounds[g] + i] += inside[at] >= COMMON * group.size
                at += 1
    return held


@njit(nogil=True, cache=True)
def shares_inside(starts, keys, holders, members, bounds):  # type: ignore[no-untyped-def]
    """Mean share, over the common shingles, of their holders that are in the group; NaN for none."""
    out = np.full(bounds.size - 1, np.nan)
    for g in range(out.size):
        group = members[bounds[g] : bounds[g + 1]]
        inside = occurrences(_keys_of(starts, keys, group))
        at, shares, common = 0, 0.0, 0.0
        for stream in group:
            for place in range(starts[stream], starts[stream + 1]):
                if inside[at] >= COMMON * group.size:  # met once for each holder inside
                    shares += 1 / holders[place]
                    common += 1 / inside[at]
                at += 1
        if common > 0:
            out[g] = shares / common
    return out


@njit(nogil=True, cache=True)
def overlap(prompts, starts):  # type: ignore[no-untyped-def]
    """Share of the events of each group whose prompt occurs at a second account."""
    out = np.empty(starts.size - 1)
    for g in range(out.size):
        holders = occurrences(prompts[starts[g] : starts[g + 1]])
        out[g] = (holders > 1).mean()
    return out


@njit(nogil=True, cache=True)
def turns(times, ties, account, starts):  # type: ignore[no-untyped-def]
    """Do the accounts take turns? Compares neighbours in time with a random order.

    People ask in bursts and at hours of their own, so that one is often followed by itself.
    Events of one moment are ordered by ``ties``, which must not depend on the account.
    """
    out = np.empty(starts.size - 1)
    for g in range(out.size):
        begin, stop = starts[g], starts[g + 1]
        own, n = account[begin:stop], stop - begin
        order = _in_time(times[begin:stop], ties[begin:stop])
        chance = 0.0
        for count in np.bincount(own):
            chance += (count / n) ** 2
        same = 0
        for i in range(n - 1):
            same += own[order[i]] == own[order[i + 1]]
        share = same / (n - 1) if n > 1 else chance
        out[g] = -np.log((share + _RARE) / (chance + _RARE))
    return out


@njit(nogil=True, cache=True)
def _in_time(times, ties):  # type: ignore[no-untyped-def]
    """Order by ``times``, then by ``ties``."""
    order = np.argsort(times)
    for i in range(1, order.size):
        if times[order[i]] == times[order[i - 1]]:  # rare, as times are in microseconds
            order = np.argsort(ties)
            return order[np.argsort(times[order], kind="mergesort")]
    return order


@njit(nogil=True, cache=True)
def variation(row, account, starts, sampled, events):  # type: ignore[no-untyped-def]
    """Coefficient of variation of the accounts' scaffolded volume, scaled up from the samples.

    ``sampled`` are the keys of every profile's sample.
    """
    out = np.empty(starts.size - 1)
    for g in range(out.size):
        begin, stop = starts[g], starts[g + 1]
        volume = np.zeros(account[stop - 1] + 1)
        for i in range(begin, stop):
            if i == begin or row[i] != row[i - 1]:
                each = events[row[i]] / (sampled[row[i]] != EMPTY).sum()
            volume[account[i]] += each
        out[g] = volume.std() / volume.mean()
    return out


@njit(nogil=True, cache=True)
def wording(shingles):  # type: ignore[no-untyped-def]
    """Signs of the summed random signs of a prompt's shingles (SimHash, Charikar 2002)."""
    codes = np.zeros(shingles.shape[0], np.uint64)
    ones = np.zeros(SIGNS, np.int64)
    for i in range(codes.size):
        ones[:] = 0
        n = 0
        for s in range(shingles.shape[1]):
            if shingles[i, s] == NO_SHINGLE:
                break
            code = mix64(uint64(shingles[i, s]))
            for b in range(SIGNS):
                ones[b] += np.int64((code >> uint64(b)) & uint64(1))
            n += 1
        for b in range(SIGNS):
            codes[i] |= uint64(2 * ones[b] > n) << uint64(b)
    return codes


@njit(nogil=True, cache=True)
def unities(codes, account, starts, bits, mixed):  # type: ignore[no-untyped-def]
    """Unity of each group, shape (g,)."""
    out = np.empty(starts.size - 1)
    for g in range(out.size):
        own = account[starts[g] : starts[g + 1]]
        out[g] = unity(codes[starts[g] : starts[g + 1]], own, own[-1] + 1, bits, mixed)
    return out


@njit(nogil=True, cache=True)
def unity(codes, account, k, bits, mixed):  # type: ignore[no-untyped-def]
    """Minus the log of the intraclass correlation over ``bits`` signs.

    Categories are ``mixed`` first: a hash turns each into a random vector of signs. Correlations
    below ``ALIKE`` are not told apart: samples are too small for it.
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
    return -np.log(max(share, ALIKE) + 2 * ALIKE)
