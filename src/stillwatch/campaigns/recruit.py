"""Recruits: accounts that carry a reported campaign's own phrases, too seldom to form a stream.

Behind much cover traffic an account's sample holds two or three requests of its job, not enough to
recur. Once the campaign is known they are enough, because a phrase that hardly anyone outside the
campaign uses is no accident. A phrase that many others use, too (a framework's, a benchmark's, a
prompt that went round), recruits nobody.

Rules
    * A phrase is a shingle that at least three in ten of the campaign's streams hold, and that is in
      the samples of at most half as many accounts outside of the campaign as inside.
    * An account is recruited by at least two different prompts with at least three phrases each.
    * A recruit is no evidence for its campaign: the test has been passed without it.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from stillwatch.campaigns.cohesion import common_shingles
from stillwatch.campaigns.lookup import filter_of, first_place
from stillwatch.campaigns.streams import Ints, Streams
from stillwatch.profiles.estimators import sampled
from stillwatch.profiles.merge import Profiles

_OUTSIDE = 0.5  # accounts outside that hold a phrase, for one inside
_PHRASES = 3  # in one prompt
_PROMPTS = 2  # different ones


@dataclass(frozen=True, slots=True)
class Recruits:
    """Accounts that join a campaign; arrays of one length."""

    campaign: Ints
    """Number of the campaign."""
    row: Ints
    """Row of the account, ascending."""
    requests: Ints
    """Different sampled prompts that carry the campaign's phrases."""

    def of(self, campaign: int) -> Ints:
        """Rows of the recruits of one campaign, ascending."""
        return np.asarray(self.row[self.campaign == campaign])


def recruit(
    profiles: Profiles,
    streams: Streams,
    members: list[Ints],
    scaffolds: list[Ints],
    usable: npt.NDArray[np.bool_],
) -> Recruits:
    """The recruits of disjoint campaigns, among the ``usable`` accounts that are in none.

    ``members`` are the rows, ``scaffolds`` the streams of each campaign.
    """
    campaign_of = np.full(profiles.size, -1, dtype=np.int64)
    for number, rows in enumerate(members):
        campaign_of[rows] = number
    shingles = [common_shingles(streams, group) for group in scaffolds]
    # a pair is a shingle of a campaign; two campaigns may share a shingle
    pair_shingle = np.concatenate([np.empty(0, np.uint32), *shingles])
    pair_campaign = np.repeat(np.arange(len(shingles)), [s.size for s in shingles])
    order = np.argsort(pair_shingle, kind="stable")
    pair_shingle, pair_campaign = pair_shingle[order], pair_campaign[order]

    samples, sizes = profiles["sample_shingles"], sampled(profiles)
    free = np.where(usable & (campaign_of < 0), sizes, 0)
    half = profiles.size // 2
    parts = slice(0, half), slice(half, profiles.size)
    with ThreadPoolExecutor(2) as pool:
        counts = pool.map(
            lambda p: _holders(samples[p], sizes[p], pair_shingle, pair_campaign, campaign_of[p]),
            parts,
        )
        outside, inside = sum(counts)
        own = outside <= _OUTSIDE * inside
        pair_shingle, pair_campaign = pair_shingle[own], pair_campaign[own]
        found = pool.map(lambda p: (p.start, *_matches(samples[p], free[p], pair_shingle)), parts)
        row, slot, pair = np.concatenate(
            [(start + rows, slots, pairs) for start, rows, slots, pairs in found], axis=1
        )
    joined = pair_campaign[pair]

    # requests with enough phrases, then different prompts among them
    requests, phrases = np.unique(np.stack([row, joined, slot]), axis=1, return_counts=True)
    row, joined, slot = requests[:, phrases >= _PHRASES]
    prompt = profiles["sample_prompt"][row, slot].astype(np.int64)
    row, joined, _ = np.unique(np.stack([row, joined, prompt]), axis=1)
    (row, joined), prompts = np.unique(np.stack([row, joined]), axis=1, return_counts=True)
    best = np.lexsort((joined, -prompts, row))
    best = best[np.diff(row[best], prepend=-1) > 0]  # the campaign with most, the first of equals
    best = best[prompts[best] >= _PROMPTS]
    return Recruits(joined[best], row[best], prompts[best])


@njit(nogil=True, cache=True)
def _holders(shingles, sizes, keys, campaigns, campaign_of):  # type: ignore[no-untyped-def]
    """Accounts outside and inside of the campaign that hold each of its shingles, shape (2, pairs).

    ``keys`` ascend, and repeat where campaigns share a shingle.
    """
    bits = filter_of(keys)
    last = np.full(keys.size, -1, np.int64)  # the last account that was counted
    count = np.zeros((2, keys.size), np.int64)
    for i in range(sizes.size):
        for e in range(sizes[i]):
            for s in range(shingles.shape[2]):
                shingle = shingles[i, e, s]
                at = first_place(bits, keys, shingle)
                if at == keys.size or last[at] == i:
                    continue
                last[at] = i
                while at < keys.size and keys[at] == shingle:
                    count[int(campaign_of[i] == campaigns[at]), at] += 1
                    at += 1
    return count


@njit(nogil=True, cache=True)
def _matches(shingles, sizes, keys):  # type: ignore[no-untyped-def]
    """Row, slot and pair of each occurrence of the ascending ``keys`` in the samples."""
    bits = filter_of(keys)
    found = np.empty((3, 1 << 12), np.int64)
    n = 0
    for i in range(sizes.size):
        for e in range(sizes[i]):
            for s in range(shingles.shape[2]):
                shingle = shingles[i, e, s]
                at = first_place(bits, keys, shingle)
                while at < keys.size and keys[at] == shingle:
                    if n == found.shape[1]:
                        more = np.empty((3, 2 * n), np.int64)
                        more[:, :n] = found
                        found = more
                    found[0, n], found[1, n], found[2, n] = i, e, at
                    n += 1
                    at += 1
    return found[0, :n], found[1, :n], found[2, :n]
