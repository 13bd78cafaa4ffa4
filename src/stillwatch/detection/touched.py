"""Phrases that changed accounts have brought into new company.

The same likeness as ``campaigns.phrases``, asked from single phrases on: which phrases are alike to
those, which to these, until nothing more is found. So a scaffold that begins is found without a look
at those who have nothing to do with it.
"""

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from stillwatch.campaigns.definitions import ALIKE, FEWEST, HUB, TOGETHER
from stillwatch.campaigns.streams import Streams
from stillwatch.detection.held import Held

Ints = npt.NDArray[np.int64]

MOST = 8192
"""Phrases that are followed, at most."""
_STEP = 512  # phrases followed at a time; bounds temporary memory


def alike(skeletons: Held, start: Ints) -> Ints | None:
    """Phrases that are connected with those of ``start``, these included, ascending.

    None: there are more than ``MOST``.
    """
    known = frontier = start[_is_phrase(skeletons, start)]
    while frontier.size:
        if known.size > MOST:
            return None
        parts = [
            _neighbours(skeletons, frontier[first : first + _STEP])
            for first in range(0, frontier.size, _STEP)
        ]
        frontier = np.setdiff1d(np.concatenate(parts), known)
        known = np.union1d(known, frontier)
    return known


def streams_with(skeletons: Held, phrases: Ints) -> tuple[Streams, Ints]:
    """The phrases as one stream for each account that holds any, and the numbers of the accounts."""
    place, who = skeletons.holders(phrases)
    order = np.lexsort((place, who))
    accounts, sizes = np.unique(who, return_counts=True)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    none = np.zeros(accounts.size + 1, dtype=np.int64)
    keys = phrases[place[order]].astype(np.uint32)
    streams = Streams(
        np.arange(accounts.size), none, none[:0], starts, keys, np.ones(keys.size), none[:0]
    )
    return streams, accounts


def _counted(skeletons: Held, phrases: Ints) -> Ints:
    return np.bincount(skeletons.holders(phrases)[0], minlength=phrases.size)


def _is_phrase(skeletons: Held, keys: Ints) -> npt.NDArray[np.bool_]:
    """Which are held by neither few nor many."""
    holders = _counted(skeletons, keys)
    return np.asarray((holders >= FEWEST) & (holders <= HUB))


def _neighbours(skeletons: Held, phrases: Ints) -> Ints:
    """Phrases that are alike to any of these."""
    place, who = skeletons.holders(phrases)
    accounts, column = np.unique(who, return_inverse=True)
    owner, theirs = skeletons.of(accounts)
    others, which, counts = np.unique(theirs, return_inverse=True, return_counts=True)
    often = counts >= TOGETHER
    often[often] = _is_phrase(skeletons, others[often])
    number = np.cumsum(often) - 1
    kept = often[which]
    others = others[often]
    ours = csr_array(
        (np.ones(place.size, np.int32), (place, column)), (phrases.size, accounts.size)
    )
    rest = csr_array(
        (np.ones(int(kept.sum()), np.int32), (owner[kept], number[which[kept]])),
        (accounts.size, others.size),
    )
    both = (ours @ rest).tocoo()
    row, column = both.coords
    either = np.bincount(place, minlength=phrases.size)[row]
    either = either + _counted(skeletons, others)[column] - both.data
    return np.unique(others[column[(both.data >= TOGETHER) & (both.data >= ALIKE * either)]])
