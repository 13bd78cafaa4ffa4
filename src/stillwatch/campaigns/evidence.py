"""Evidence that two accounts act as one, by kind of key they share.

A key shared by two accounts weighs log(N / holders): what is common links nobody (Fellegi and
Sunter 1969, with frequencies learned from this log). Several keys of one kind are not
independent (the addresses of one proxy come together), so within a kind each further key
counts half of the one before, and a kind cannot exceed its cap.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from stillwatch.campaigns.keys import KINDS, Keys

_CAPS = np.array([kind.most for kind in KINDS])


def evidence(
    keys: Keys, left: npt.NDArray[np.int64], right: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Evidence of each pair by kind, in nats, shape (pairs, len(KINDS))."""
    out = np.zeros((left.size, len(KINDS)))
    _compare_all(keys.starts, keys.keys, keys.kinds, keys.holders, left, right, _CAPS, out)
    return out


@njit(nogil=True, cache=True)
def _compare(starts, keys, kinds, holders, left, right, caps, share, out):  # type: ignore[no-untyped-def]
    """Evidence by kind for one pair: walk two sorted key lists. ``share`` is scratch space."""
    n = starts.size - 1
    i, i_stop = starts[left], starts[left + 1]
    j, j_stop = starts[right], starts[right + 1]
    share[:] = 1.0
    out[:] = 0.0
    while i < i_stop and j < j_stop:
        if keys[i] < keys[j]:
            i += 1
        elif keys[i] > keys[j]:
            j += 1
        else:
            kind = kinds[i]
            out[kind] += share[kind] * np.log(n / holders[i])
            share[kind] *= 0.5
            i += 1
            j += 1
    for kind in range(caps.size):
        out[kind] = min(out[kind], caps[kind])


@njit(nogil=True, cache=True)
def _compare_all(starts, keys, kinds, holders, left, right, caps, out):  # type: ignore[no-untyped-def]
    share = np.empty(caps.size)
    for pair in range(left.size):
        _compare(starts, keys, kinds, holders, left[pair], right[pair], caps, share, out[pair])
