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

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit, uint64

from stillwatch.campaigns.cohesion import common_shingles
from stillwatch.campaigns.streams import Ints, Streams, spans
from stillwatch.profiles.estimators import sampled
from stillwatch.profiles.fields import NO_SHINGLE
from stillwatch.profiles.merge import Profiles

_OUTSIDE = 0.5  # accounts outside that hold a phrase, for one inside
_PHRASES = 3  # in one prompt
_PROMPTS = 2  # different ones
_FILTER_BITS = 20


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

    keys, first, holders = np.unique(pair_shingle, return_index=True, return_counts=True)
    row, slot, key = _matches(profiles["sample_shingles"], sampled(profiles), keys)
    pair = spans(first[key], holders[key])
    row, slot = np.repeat(row, holders[key]), np.repeat(slot, holders[key])

    own = _own(row, pair, campaign_of, pair_campaign)
    kept = own[pair] & (campaign_of[row] < 0) & usable[row]
    row, slot, joined = row[kept], slot[kept], pair_campaign[pair[kept]]

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


def _own(row: Ints, pair: Ints, campaign_of: Ints, pair_campaign: Ints) -> npt.NDArray[np.bool_]:
    """Whether a campaign's shingle is its own, shape (pairs,)."""
    held = np.unique(row * pair_campaign.size + pair)
    row, pair = np.divmod(held, max(pair_campaign.size, 1))
    inside = campaign_of[row] == pair_campaign[pair]
    count = np.bincount(pair[inside], minlength=pair_campaign.size)
    others = np.bincount(pair[~inside], minlength=pair_campaign.size)
    return np.asarray(others <= _OUTSIDE * count)


@njit(nogil=True, cache=True)
def _matches(shingles, sizes, keys):  # type: ignore[no-untyped-def]
    """Where the ascending ``keys`` occur in the samples: row, slot and place among the keys."""
    mask = uint64((1 << _FILTER_BITS) - 1)
    bits = np.zeros((1 << _FILTER_BITS) // 64, np.uint64)
    for key in keys:
        bit = uint64(key) & mask
        bits[bit >> uint64(6)] |= uint64(1) << (bit & uint64(63))
    found = np.empty((3, 1 << 12), np.int64)
    n = 0
    for i in range(sizes.size):
        for e in range(sizes[i]):
            for s in range(shingles.shape[2]):
                shingle = shingles[i, e, s]
                bit = uint64(shingle) & mask
                if (bits[bit >> uint64(6)] >> (bit & uint64(63))) & uint64(1) == 0:
                    continue
                at = np.searchsorted(keys, shingle)
                if shingle == NO_SHINGLE or at == keys.size or keys[at] != shingle:
                    continue
                if n == found.shape[1]:
                    more = np.empty((3, 2 * n), np.int64)
                    more[:, :n] = found
                    found = more
                found[0, n], found[1, n], found[2, n] = i, e, at
                n += 1
    return found[0, :n], found[1, :n], found[2, :n]
