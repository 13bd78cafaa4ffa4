"""Clustering of phrases: union-find over pairs that are alike, then Leiden inside large components.

Components chain: A is like B, B is like C. Leiden (Traag et al. 2019, networkit's
implementation) cuts such chains where links are thin. Each component is cut alone, so that any worker
can, at the resolution that it would have among all that are large: modularity weighs a link against the
likeness of the whole graph, and the share of it that the component has is its resolution.
"""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
from numba import njit

from stillwatch.campaigns.cohesion import agreement
from stillwatch.campaigns.definitions import LARGE, LEVELS, UNIT
from stillwatch.campaigns.phrases import Floats, Phrases
from stillwatch.campaigns.streams import Ints, Streams

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
        return clusters(n, phrases.left[kept], phrases.right[kept], phrases.likeness[kept])

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # networkit clusters without the GIL
        labels = np.stack(list(pool.map(labels_at, LEVELS)))
    return numbered(phrases.keys, labels)


def numbered(keys: npt.NDArray[np.uint32], labels: Ints) -> Ints:
    """Dense numbers of clusters, -1 where a phrase is alone or an earlier level has the cluster.

    ``labels`` are those of each phrase at each level, shape (levels, len(keys)); ``keys`` ascend. Numbers
    are in order of the level and the first member, the same on every run.
    """
    found = np.stack([_dense(level, _FEWEST) for level in labels])
    base = 0
    for level in found:
        count = int(level.max(initial=-1)) + 1
        level[level >= 0] += base
        base += count
    return _once(found, keys)


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


def clusters(n: int, left: Ints, right: Ints, weight: Floats) -> Ints:
    """The cluster of each of ``n`` phrases, named by its smallest member, shape (n,)."""
    labels: Ints = _components(n, left, right)
    large = np.flatnonzero((np.bincount(labels, minlength=n) > LARGE)[labels[left]])
    if large.size:
        whole = units(weight[large])
        large = large[np.argsort(labels[left[large]], kind="stable")]
        starts = np.flatnonzero(np.diff(labels[left[large]])) + 1
        for part in np.split(large, starts):
            member, cluster = divided(left[part], right[part], weight[part], whole)
            labels[member] = cluster
    return labels


def divided(left: Ints, right: Ints, weight: Floats, whole: int) -> tuple[Ints, Ints]:
    """The phrases of a component, ascending, and the smallest phrase of the cluster of each.

    Takes all its links, in ascending order. ``whole`` is what ``units`` gives for all links of large
    components.
    """
    import networkit as nk  # noqa: PLC0415  0.7 s that a run can spend beside other work

    nk.setNumberOfThreads(1)  # of this thread's: parallel moves would depend on timing
    member, node = np.unique(np.stack([left, right]), return_inverse=True)
    pairs = node.reshape(2, left.size).astype(np.uint64)
    graph = nk.GraphFromCoo((weight, (pairs[0], pairs[1])), n=member.size, weighted=True)
    share = units(weight) / whole
    algorithm = nk.community.ParallelLeiden(graph, iterations=3, randomize=False, gamma=share)
    algorithm.run()
    label = np.asarray(algorithm.getPartition().getVector(), dtype=np.int64)
    _, first, inverse = np.unique(label, return_index=True, return_inverse=True)
    return member, member[first[inverse]]


def units(likeness: Floats) -> int:
    """The sum of the likeness of links, in whole parts: it has no order."""
    return int(np.floor(likeness * UNIT).astype(np.int64).sum())


def _dense(labels: Ints, least: int) -> Ints:
    _, first, inverse, sizes = np.unique(
        labels, return_index=True, return_inverse=True, return_counts=True
    )
    kept = np.flatnonzero(sizes >= least)
    number = np.full(sizes.size, -1, dtype=np.int64)
    number[kept[np.argsort(first[kept])]] = np.arange(kept.size)
    return number[inverse]
