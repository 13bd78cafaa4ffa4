"""Clustering: union-find over links, then Leiden inside large components.

Components of a graph of evidence chain: A with B by scaffold, B with C by address. Leiden
(Traag et al. 2019, networkit's implementation) cuts such chains where links are thin.
"""

from itertools import pairwise

import networkit as nk
import numpy as np
import numpy.typing as npt
from numba import njit

from stillwatch.campaigns.compare import Links

Ints = npt.NDArray[np.int64]

LEVELS: tuple[tuple[float, float], ...] = ((6.0, 0.3), (9.0, 0.3), (9.0, 1.0), (12.0, 0.5))
"""Strengths of evidence (nats) and resolutions at which clusters are proposed."""

_LARGE = 8  # components up to this size are left whole
_SEED = 1


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


def propose(n: int, links: Links, least: int) -> list[Ints]:
    """Clusters of at least ``least`` of ``n`` accounts, at every level, each once.

    One strength of evidence does not fit all: a loose level joins campaigns that share little, a
    strict one parts them from the look-alikes that share their cover traffic. Overlapping
    proposals are settled by their tests.
    """
    proposed: dict[bytes, Ints] = {}
    for least_weight, gamma in LEVELS:
        labels = cluster(n, links.at_least(least_weight), least=least, gamma=gamma)
        order = np.argsort(labels, kind="stable")
        bounds = np.searchsorted(labels[order], np.arange(labels.max(initial=-1) + 2))
        for start, stop in pairwise(bounds.tolist()):
            members = np.sort(order[start:stop])
            proposed.setdefault(members.tobytes(), members)
    return list(proposed.values())


def cluster(n: int, links: Links, *, least: int, gamma: float) -> Ints:
    """Cluster number of each of ``n`` accounts, -1 for none, shape (n,).

    ``least`` is the smallest cluster kept, ``gamma`` Leiden's resolution (higher cuts more; at 1,
    plain modularity, even one homogeneous group may be cut, because pairs are compared
    sparsely). Numbers are dense and ordered by the first member, the same on every run.
    """
    labels = _components(n, links.left, links.right)
    sizes = np.bincount(labels, minlength=n)
    large = sizes[labels] > _LARGE
    if large.any():
        labels = np.where(large, n + _leiden(n, links, large, gamma), labels)
    return _dense(labels, least)


def _leiden(n: int, links: Links, inside: npt.NDArray[np.bool_], gamma: float) -> Ints:
    nk.setSeed(_SEED, useThreadId=False)
    nk.setNumberOfThreads(1)  # parallel moves would depend on timing
    chosen = inside[links.left]
    pairs = (links.left[chosen].astype(np.uint64), links.right[chosen].astype(np.uint64))
    graph = nk.GraphFromCoo((links.weight[chosen], pairs), n=n, weighted=True)
    algorithm = nk.community.ParallelLeiden(graph, iterations=2, randomize=False, gamma=gamma)
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
