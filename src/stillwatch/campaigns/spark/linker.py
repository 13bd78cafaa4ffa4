"""Linking on a cluster, as ``campaigns.linking`` links here: the same streams, to the byte.

The driver gets phrases that keep company (``plan.scaffolds_of``), sends them to all executors, and gets the
streams that carry scaffolds: what ``Kernels`` leaves in memory as well, some hundred bytes beside each
profile of 12 kB. Skeletons, postings and pairs never leave the executors.
"""

import pickle
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.campaigns.carriers import Carried, Scaffolds, streams_from, together
from stillwatch.campaigns.cohesion import FACETS, MEMBERS
from stillwatch.campaigns.linking import Linked
from stillwatch.campaigns.plan import scaffolds_of
from stillwatch.campaigns.spark.tasks import carrying, measuring, members, skeletons, streams_in
from stillwatch.campaigns.spark.views import Views
from stillwatch.campaigns.streams import Ints, Streams, spans
from stillwatch.profiles.merge import Profiles

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

Floats = npt.NDArray[np.float64]
_MEMBERS = "group bigint, member bigint, record binary, told binary"
_FIGURES = "group bigint, figures array<double>"
_ATTEMPTS = 3
_LOST = "CHECKPOINT_RDD_BLOCK_ID_NOT_FOUND"


class SparkLinker:
    """Links the accounts whose profiles executors hold.

    ``blocks`` are the merged profiles as they are on the executors; ``account_ids`` the same accounts in
    the order of the table that is judged. ``relations`` are where statements are run.
    """

    def __init__(
        self, blocks: "DataFrame", account_ids: Sequence[str], relations: type[Views] = Views
    ) -> None:
        self._blocks, self._relations = blocks, relations
        self._ids = pa.array(account_ids, pa.string())

    def carried(
        self,
        profiles: Profiles,  # noqa: ARG002 - executors have them
        usable: npt.NDArray[np.bool_],
    ) -> Linked:
        """The streams of ``usable`` accounts that carry scaffolds, and the scaffold of each."""
        exempt = frozenset(self._ids.filter(pa.array(~usable)).to_pylist())
        session = self._blocks.sparkSession
        keys, labels = self._scaffolds(exempt)
        looked = Scaffolds.of(keys, labels)
        sent = session.sparkContext.broadcast((looked.keys, looked.labels))
        try:
            found = self._found(looked, lambda: Scaffolds.of(*sent.value), exempt)
        finally:
            sent.destroy()
        return Linked(streams_from(found, looked.keys), found.scaffold, keys, labels)

    def figures(
        self,
        profiles: Profiles,  # noqa: ARG002 - executors have them
        streams: Streams,
        groups: list[Ints],
        tactic_mask: int,
    ) -> Floats:
        """What ``cohesion`` measures on each group of streams, each group in one worker."""
        if not groups:
            return np.empty((0, len(FACETS)))
        session = self._blocks.sparkSession
        wanted, told = defaultdict[str, list[tuple[int, int]]](list), list[bytes]()
        for number, group in enumerate(groups):
            ordered = np.sort(group)
            rows, member = np.unique(streams.owner[ordered], return_inverse=True)
            for place, name in enumerate(self._ids.take(pa.array(rows[:MEMBERS])).to_pylist()):
                wanted[name].append((number, place))
            told.append(pickle.dumps(replace(streams.take(ordered), owner=member)))
        sent = session.sparkContext.broadcast(dict(wanted))
        described = pa.table({"group": np.arange(len(groups)), "told": pa.array(told, pa.binary())})
        frame = self._blocks.mapInArrow(members(lambda: sent.value), _MEMBERS)
        both = frame.unionByName(session.createDataFrame(described), allowMissingColumns=True)
        try:
            found = both.groupBy("group").applyInArrow(measuring(tactic_mask), _FIGURES).toArrow()
        finally:
            sent.destroy()
        found = found.sort_by("group")
        return np.array(found["figures"].to_pylist(), np.float64)

    def _scaffolds(self, exempt: frozenset[str]) -> tuple[npt.NDArray[np.uint32], Ints]:
        """Phrases and their scaffolds; begun anew where labels were lost with both their holders."""
        held = self._blocks.mapInArrow(skeletons(exempt), "account bigint, shingle bigint")
        for left in reversed(range(_ATTEMPTS)):
            with closing(self._relations(self._blocks.sparkSession)) as views:
                views.put("skeleton", held)
                try:
                    return scaffolds_of(views)
                except Exception as error:
                    if not left or _LOST not in str(error):
                        raise
        raise AssertionError("the last attempt returns or raises")

    def _found(
        self, looked: Scaffolds, scaffolds: Callable[[], Scaffolds], exempt: frozenset[str]
    ) -> Carried:
        from pyspark import StorageLevel  # noqa: PLC0415 - an optional extra
        from pyspark.sql import functions as f  # noqa: PLC0415

        frame = self._blocks.mapInArrow(
            carrying(scaffolds, exempt), "block binary, place bigint, held bigint"
        ).persist(StorageLevel.DISK_ONLY)
        counted = frame.where("place is not null").groupBy("place").agg(f.sum("held").alias("held"))
        holders = np.zeros(looked.keys.size, np.int64)
        counts = counted.toArrow()
        holders[counts["place"].to_numpy()] = counts["held"].to_numpy()
        parts = list[Carried]()
        for row in frame.where("block is not null").select("block").toLocalIterator():
            ids, part = streams_in(row.block)
            rows = pc.index_in(ids, self._ids).to_numpy().astype(np.int64)
            parts.append(replace(part, owner=rows))
        frame.unpersist()
        return _in_order(replace(together(parts), holders=holders))


def _in_order(found: Carried) -> Carried:
    """The same streams in order of the accounts; those of one account stay as they are."""
    order = np.argsort(found.owner, kind="stable")
    events = spans((np.cumsum(found.events) - found.events)[order], found.events[order])
    keys = spans((np.cumsum(found.key_counts) - found.key_counts)[order], found.key_counts[order])
    return Carried(
        found.owner[order],
        found.scaffold[order],
        found.events[order],
        found.slots[events],
        found.key_counts[order],
        found.places[keys],
        found.shares[keys],
        found.holders,
    )
