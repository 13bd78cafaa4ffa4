"""What executors do with their profiles: skeletons out of them, and the scaffolds they carry.

Profiles are in blocks (``engines.spark.merging``), some hundred accounts each. An account is a number
here, its partition and its place: a block that is made again is the same, so the number stays.
"""

import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.campaigns.carriers import Carried, Scaffolds, carriers_of
from stillwatch.campaigns.cohesion import cohesion
from stillwatch.campaigns.streams import Streams, streams_of
from stillwatch.engines.spark.merging import opened
from stillwatch.profiles.merge import Profiles
from stillwatch.profiles.packed import unpacked

Batches = Iterator[pa.RecordBatch]
Task = Callable[[Iterable[pa.RecordBatch]], Batches]

SKELETONS = pa.schema([("account", pa.int64()), ("shingle", pa.int64())])
CARRIED = pa.schema([("block", pa.binary()), ("place", pa.int64()), ("held", pa.int64())])
"""Streams of some accounts, packed; and how many of them hold a phrase, by its place."""
_STREAMS = pa.schema(
    [
        ("account_id", pa.string()),
        ("scaffold", pa.int64()),
        ("slots", pa.list_(pa.int64())),
        ("places", pa.list_(pa.int64())),
        ("shares", pa.list_(pa.float64())),
    ]
)
MEMBERS = pa.schema(
    [("group", pa.int64()), ("member", pa.int64()), ("record", pa.binary()), ("told", pa.binary())]
)
"""Profiles of a group's members, by their number in it; and its streams, once, as ``told``."""
FIGURES = pa.schema([("group", pa.int64()), ("figures", pa.list_(pa.float64()))])
_PARTITION = 40
"""Bits of an account's place within its partition."""


def skeletons(exempt: frozenset[str]) -> Task:
    """Who holds which shingle in a skeleton; accounts that are ``exempt`` link nobody."""

    def run(batches: Iterable[pa.RecordBatch]) -> Batches:
        place = _partition() << _PARTITION
        for ids, profiles in _profiles(batches):
            chosen = np.flatnonzero(_usable(ids, exempt))
            streams = streams_of(profiles[chosen])
            owner = np.repeat(chosen[streams.owner], np.diff(streams.key_starts))
            columns = (place + owner, streams.keys.astype(np.int64))
            yield pa.RecordBatch.from_arrays(list(map(pa.array, columns)), schema=SKELETONS)
            place += profiles.size

    return run


def carrying(scaffolds: Callable[[], Scaffolds], exempt: frozenset[str]) -> Task:
    """The streams that carry ``scaffolds``; each partition counts the holders of phrases once."""

    def run(batches: Iterable[pa.RecordBatch]) -> Batches:
        looked = scaffolds()
        holders = np.zeros(looked.keys.size, np.int64)
        for ids, profiles in _profiles(batches):
            found = carriers_of(profiles, looked, _usable(ids, exempt))
            holders += found.holders
            yield _rows([_packed(ids, found)])
        place = np.flatnonzero(holders)
        yield _rows([None] * place.size, place, holders[place])

    return run


def members(wanted: Callable[[], Mapping[str, Sequence[tuple[int, int]]]]) -> Task:
    """Profiles of the ``wanted`` accounts, for each group that has them, with their number in it."""

    def run(batches: Iterable[pa.RecordBatch]) -> Batches:
        places = wanted()
        for ids, records in _records(batches):
            found = [
                (*place, at)
                for at, name in enumerate(ids.to_pylist())
                for place in places.get(name, ())
            ]
            group, number, at = np.array(found, np.int64).reshape(-1, 3).T
            told = pa.nulls(group.size, pa.binary())
            columns = [pa.array(group), pa.array(number), records.take(pa.array(at)), told]
            yield pa.RecordBatch.from_arrays(columns, schema=MEMBERS)

    return run


def measuring(tactic_mask: int) -> Callable[[pa.Table], pa.Table]:
    """What a worker does with one group: its figures, from its members' profiles and its streams."""

    def run(rows: pa.Table) -> pa.Table:
        known = rows.filter(pc.is_valid(rows["record"])).sort_by("member").combine_chunks()
        told = rows["told"].drop_null()[0].as_py()
        streams: Streams = pickle.loads(told)  # noqa: S301 - our own driver made it
        profiles = unpacked(known["record"].combine_chunks())
        figures = cohesion(profiles, streams, [np.arange(len(streams))], tactic_mask)
        columns = [rows["group"][:1].combine_chunks(), pa.array(figures.tolist(), FIGURES[1].type)]
        return pa.Table.from_arrays(columns, schema=FIGURES)

    return run


def streams_in(block: bytes) -> tuple[pa.Array, Carried]:
    """The streams of a block of ``carrying``, and whose they are; rows are those of the block.

    Holders are told apart from streams, so none are counted here.
    """
    batch = opened(block)
    slots, places, shares = (batch.column(name) for name in ("slots", "places", "shares"))
    found = Carried(
        np.arange(batch.num_rows),
        batch.column("scaffold").to_numpy(),
        np.diff(slots.offsets.to_numpy()).astype(np.int64),
        slots.flatten().to_numpy(),
        np.diff(places.offsets.to_numpy()).astype(np.int64),
        places.flatten().to_numpy(),
        shares.flatten().to_numpy(),
        np.empty(0, np.int64),
    )
    return batch.column("account_id"), found


def _packed(ids: pa.Array, found: Carried) -> bytes:
    def lists(counts: npt.NDArray[np.int64], values: npt.NDArray[Any]) -> pa.ListArray:
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values))

    columns = [
        ids.take(pa.array(found.owner)),
        pa.array(found.scaffold),
        lists(found.events, found.slots),
        lists(found.key_counts, found.places),
        lists(found.key_counts, found.shares),
    ]
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, _STREAMS) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=_STREAMS))
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


def _rows(
    blocks: list[bytes | None],
    place: npt.NDArray[np.int64] | None = None,
    held: npt.NDArray[np.int64] | None = None,
) -> pa.RecordBatch:
    empty = pa.nulls(len(blocks), pa.int64())
    columns = [
        pa.array(blocks, pa.binary()),
        empty if place is None else pa.array(place),
        empty if held is None else pa.array(held),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=CARRIED)


def _profiles(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[pa.Array, Profiles]]:
    """Accounts and their profiles, block by block."""
    for ids, records in _records(batches):
        yield ids, unpacked(records)


def _records(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[pa.Array, pa.BinaryArray]]:
    """Accounts and their packed profiles, block by block."""
    for batch in batches:
        for block in batch.column("block"):
            rows = opened(block.as_py())
            rows = rows.filter(pc.is_valid(rows.column("account_id")))
            if rows.num_rows:
                yield rows.column("account_id"), rows.column("record")


def _usable(ids: pa.Array, exempt: frozenset[str]) -> npt.NDArray[np.bool_]:
    if not exempt:
        return np.ones(len(ids), np.bool_)
    return np.array([name not in exempt for name in ids.to_pylist()], np.bool_)


def _partition() -> int:
    from pyspark import TaskContext  # noqa: PLC0415 - an optional extra

    here: Any = TaskContext.get()
    number: int = here.partitionId()
    return number
