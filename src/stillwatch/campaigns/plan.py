"""Scaffolds by relations: ``campaigns.definitions`` from first to last, on any engine that has them.

What comes here is the phrases that keep company, 16 bytes for each level. Skeletons, holders and pairs
stay where the relations are.
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch.campaigns.cluster import divided, numbered
from stillwatch.campaigns.components import components
from stillwatch.campaigns.definitions import (
    COMPANY,
    DENSE,
    EXTENT,
    HOLDING,
    LEVEL,
    LEVELS,
    SMALL,
    VOLUME,
)
from stillwatch.campaigns.relations import CLUSTERS, Relations, make_all
from stillwatch.campaigns.streams import Ints

Keys = npt.NDArray[np.uint32]


def scaffolds_of(relations: Relations) -> tuple[Keys, Ints]:
    """Phrases that keep company, ascending, and their scaffolds as ``cluster.scaffolds`` has them.

    ``relations`` hold ``skeleton(account, shingle)``.
    """
    make_all(relations, (*HOLDING, *COMPANY))
    components(relations)
    make_all(relations, (EXTENT, DENSE))
    volumes = relations.rows(VOLUME)
    whole = {int(row["level"]): int(row["units"]) for row in volumes.to_pylist()}
    found = [relations.rows(SMALL), relations.by_component(divider(whole))]
    node, cluster = (
        np.concatenate([part[name].to_numpy() for part in found]).astype(np.int64)
        for name in CLUSTERS.names
    )
    keys, place = np.unique(node % LEVEL, return_inverse=True)
    labels = np.tile(np.arange(keys.size), (len(LEVELS), 1))
    labels[node // LEVEL, place] = np.searchsorted(keys, cluster % LEVEL)
    return keys.astype(np.uint32), numbered(keys.astype(np.uint32), labels)


def divider(whole: Mapping[int, int]) -> Callable[[pa.Table], pa.Table]:
    """What a worker does with the links of one component; ``whole`` are the volumes by level."""

    def divide(links: pa.Table) -> pa.Table:
        one, other, likeness = (links[name].to_numpy() for name in ("one", "other", "likeness"))
        order = np.lexsort((other, one))
        volume = whole[int(links["level"][0].as_py())]
        member, cluster = divided(one[order], other[order], likeness[order], volume)
        return pa.Table.from_arrays([pa.array(member), pa.array(cluster)], schema=CLUSTERS)

    return divide
