"""Blocking and comparison: which accounts to compare, and how much evidence links them.

A key shared by two accounts weighs log(N / holders): what is common links nobody (Fellegi and
Sunter 1969, with frequencies learned from this log). Several keys of one kind are not
independent (the shingles of one scaffold come together), so within a kind each further key
counts half of the one before, and a kind cannot exceed its cap.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from stillwatch.campaigns.keys import KINDS, Keys

_NEIGHBOURS = 6  # an account is compared with this many other holders of each of its keys
_BLOCK = 1 << 16  # keys handled at a time by one thread; bounds temporary memory
_CAPS = np.array([kind.most for kind in KINDS])
_OPENS = np.array([kind.sort != "infrastructure" for kind in KINDS])


@dataclass(frozen=True, slots=True)
class Links:
    """Linked pairs of accounts, each once, ``left < right``."""

    left: npt.NDArray[np.int64]
    right: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float64]
    """Evidence in nats."""

    def at_least(self, weight: float) -> "Links":
        """The links of at least this weight."""
        kept = self.weight >= weight
        return Links(self.left[kept], self.right[kept], self.weight[kept])


def link(keys: Keys, least: float, usable: npt.NDArray[np.bool_]) -> Links:
    """All compared pairs of ``usable`` accounts whose evidence reaches ``least`` nats.

    Compared are the holders of a content or sign-up key, each with the next few holders of that
    key: linear in the number of keys. Infrastructure adds evidence to such pairs and links
    nobody by itself. The order of holders differs from key to key, so that members of one group
    meet along different paths and the group stays connected.
    """
    rows = np.repeat(np.arange(keys.starts.size - 1), np.diff(keys.starts))
    opening = _OPENS[keys.kinds] & usable[rows]
    row, key = rows[opening], keys.keys[opening]
    order = np.lexsort(((row.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)) ^ key, key))
    row, key = row[order], key[order]

    def block(start: int) -> tuple[npt.NDArray[np.int64], ...]:
        return tuple(
            _linked(
                start, min(start + _BLOCK, row.size), row, key, least, _CAPS,
                keys.starts, keys.keys, keys.kinds, keys.holders,
            )
        )  # fmt: skip

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(block, range(0, row.size, _BLOCK)))
    if not found:
        return Links(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    left, right, weight = (np.concatenate(part) for part in zip(*found, strict=True))
    _, first = np.unique(left * keys.starts.size + right, return_index=True)
    return Links(left[first], right[first], weight[first])


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


@njit(nogil=True, cache=True)
def _linked(start, stop, row, key, least, caps, starts, keys, kinds, holders):  # type: ignore[no-untyped-def]
    """Linked pairs among the candidates that positions ``start`` to ``stop`` open."""
    left = np.empty((stop - start) * _NEIGHBOURS, np.int64)
    right = np.empty_like(left)
    weight = np.empty(left.size, np.float64)
    share, by_kind = np.empty(caps.size), np.empty(caps.size)
    n = 0
    for at in range(start, stop):
        for step in range(1, _NEIGHBOURS + 1):
            if at + step >= row.size or key[at + step] != key[at]:
                break
            a, b = min(row[at], row[at + step]), max(row[at], row[at + step])
            _compare(starts, keys, kinds, holders, a, b, caps, share, by_kind)
            total = by_kind.sum()
            if total >= least:
                left[n], right[n], weight[n] = a, b, total
                n += 1
    return left[:n].copy(), right[:n].copy(), weight[:n].copy()
