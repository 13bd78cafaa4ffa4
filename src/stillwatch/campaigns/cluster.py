"""Clustering of phrases: union-find over pairs that are alike, then Leiden inside large components.

Components chain: A is like B, B is like C. Leiden (Traag et al. 2019, networkit's
implementation) cuts such chains where links are thin.
"""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
from numba import njit

from stillwatch.campaigns.cohesion import agreement
from stillwatch.campaigns.phrases import Floats, Phrases
from stillwatch.campaigns.streams import Ints, Streams

LEVELS: tuple[float, ...] = (0.5, 0.6, 0.7)
"""Likeness at which clusters of phrases are taken for scaffolds."""

_LARGE = 8  # components up to this size are left whole
_FEWEST = 2  # phrases of a scaffold
_HELD = 3  # common phrases that a member holds: fewer are a turn of everyday language


@njit(nogil=True, cache=True)
def _components(n, left, right):  # type: ignore[no-untyped-def]
    """Union-find with path halving; returns the root of each node."""
    parent = np.arange(n)
    for e in range(left.size):
        a, b = left[e], right[e]
        while parent[a] != a:
            parent[a] = parent[parent[a]]
            a = parent[a]
        while parent[b] != b:
            parent[b] = parent[parent[b]]
            b = parent[b]
        if a != b:
            parent[max(a, b)] = min(a, b)
    for i in range(n):
        root = i
        while parent[root] != root:
            root = parent[root]
        parent[i] = root
    return parent


def scaffolds(phrases: Phrases) -> Ints:
    """Scaffolds that each phrase is part of, -1 for none, shape (len(LEVELS), phrases).

    One strength of likeness does not fit all: a loose level joins campaigns whose scaffolds share
    phrases, a strict one cuts a campaign whose wording varies. What two levels find alike has a
    number at the first only.
    """
    n = phrases.keys.size

    def labels_at(level: float) -> Ints:
        kept = phrases.likeness >= level
        return cluster(n, phrases.left[kept], phrases.right[kept], phrases.likeness[kept], _FEWEST)

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # networkit clusters without the GIL
        labels = np.stack(list(pool.map(labels_at, LEVELS)))
    base = 0
    for found in labels:
        count = int(found.max(initial=-1)) + 1
        found[found >= 0] += base
        base += count
    return _once(labels, phrases.keys)


def _once(labels: Ints, keys: npt.NDArray[np.uint32]) -> Ints:
    """Labels without those of clusters that have been met: equal sums of mixed keys, equal sets."""
    inside = labels >= 0
    sums = np.zeros(int(labels.max(initial=-1)) + 1, dtype=np.uint64)
    mixed = keys.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
    np.add.at(sums, labels[inside], np.broadcast_to(mixed, labels.shape)[inside])
    _, first = np.unique(sums, return_index=True)
    fresh = np.zeros(sums.size + 1, dtype=np.bool_)  # and a last place for -1
    fresh[first] = True
    fresh[-1] = False
    return np.where(fresh[labels], labels, -1)


def groups_of(streams: Streams, scaffold: Ints, least: int) -> list[Ints]:
    """Streams of each scaffold that at least ``least`` accounts carry, each group once."""
    order = np.argsort(scaffold, kind="stable")
    bounds = np.cumsum(np.bincount(scaffold))[:-1]
    carriers = [part for part in np.split(order, bounds) if part.size >= least]
    found, known = [], set()
    for part, held in zip(carriers, agreement(streams, carriers), strict=True):
        group = part[held >= _HELD]  # no chains: one scaffold
        row, slot = streams.events(group)
        told = row.tobytes() + slot.tobytes()
        if group.size >= least and told not in known:
            known.add(told)
            found.append(group)
    return found


def cluster(n: int, left: Ints, right: Ints, weight: Floats, least: int) -> Ints:
    """Cluster number of each of ``n`` phrases, -1 for none, shape (n,).

    ``least`` is the smallest cluster kept. Numbers are dense and ordered by the first member, the
    same on every run.
    """
    labels = _components(n, left, right)
    sizes = np.bincount(labels, minlength=n)
    large = sizes[labels] > _LARGE
    if large.any():
        labels[large] = n + _leiden(left, right, weight, large)
    return _dense(labels, least)


def _leiden(left: Ints, right: Ints, weight: Floats, inside: npt.NDArray[np.bool_]) -> Ints:
    """Cluster numbers of the phrases ``inside``, whose links lead to each other."""
    import networkit as nk  # noqa: PLC0415  0.7 s that a run can spend beside other work

    nk.setNumberOfThreads(1)  # of this thread's: parallel moves would depend on timing
    chosen = inside[left]
    node = np.cumsum(inside, dtype=np.uint64) - np.uint64(1)
    pairs = (node[left[chosen]], node[right[chosen]])
    graph = nk.GraphFromCoo((weight[chosen], pairs), n=int(inside.sum()), weighted=True)
    algorithm = nk.community.ParallelLeiden(graph, iterations=3, randomize=False)
    algorithm.run()
    return np.asarray(algorithm.getPartition().getVector(), dtype=np.int64)


def _dense(labels: Ints, least: int) -> Ints:
    _, first, inverse, sizes = np.unique(
        labels, return_index=True, return_inverse=True, return_counts=True
    )
    kept = np.flatnonzero(sizes >= least)
    number = np.full(sizes.size, -1, dtype=np.int64)
    number[kept[np.argsort(first[kept])]] = np.arange(kept.size)
    return number[inverse]
