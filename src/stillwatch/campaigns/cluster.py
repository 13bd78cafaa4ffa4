"""Clustering: union-find over links, then Leiden inside large components.

Components chain: A is like B, B is like C. Leiden (Traag et al. 2019, networkit's
implementation) cuts such chains where links are thin.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from numba import njit

from stillwatch.campaigns.cohesion import agreement
from stillwatch.campaigns.compare import Floats, Links
from stillwatch.campaigns.streams import Ints, Streams

LEVELS: tuple[tuple[str, float], ...] = (
    ("overlap", 0.5), ("overlap", 0.6), ("overlap", 0.7), ("likeness", 0.3), ("likeness", 0.4),
)  # fmt: skip
"""Measures of likeness, and values of them, at which clusters are proposed."""

_LARGE = 8  # components up to this size are left whole
_HELD = 2  # common shingles that a member holds


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


def propose(streams: Streams, links: Links, least: int) -> Iterator[list[Ints]]:
    """Groups of streams that at least ``least`` accounts own, level by level, each once.

    One strength of likeness does not fit all: a loose level joins campaigns whose scaffolds share
    phrases, a strict one cuts a campaign whose wording varies. Overlapping proposals are settled
    by their tests. Later levels are clustered while the caller looks at earlier ones.
    """

    def labels_at(measure: str, value: float) -> Ints:
        weight = getattr(links, measure)
        kept = weight >= value
        return cluster(len(streams), links.left[kept], links.right[kept], weight[kept], least)

    known: set[bytes] = set()
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # networkit clusters without the GIL
        for labels in pool.map(labels_at, *zip(*LEVELS, strict=True)):
            fresh, clusters = [], _members(labels)
            for members, held in zip(clusters, agreement(streams, clusters), strict=True):
                group = members[held >= _HELD]  # no chains: one scaffold
                enough = np.unique(streams.owner[group]).size >= least
                if enough and group.tobytes() not in known:
                    known.add(group.tobytes())
                    fresh.append(group)
            yield fresh


def _members(labels: Ints) -> list[Ints]:
    """Streams of each cluster, ascending."""
    order = np.argsort(labels, kind="stable")
    bounds = np.searchsorted(labels[order], np.arange(labels.max(initial=-1) + 2))
    return [order[start:stop] for start, stop in pairwise(bounds.tolist())]


def cluster(n: int, left: Ints, right: Ints, weight: Floats, least: int) -> Ints:
    """Cluster number of each of ``n`` streams, -1 for none, shape (n,).

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
    """Cluster numbers of the streams ``inside``, whose links lead to each other."""
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
