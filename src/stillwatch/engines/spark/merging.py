"""Merging partials on executors: they come sorted by account, so one account is held at a time.

Sorted input bounds the memory of a task whatever the number of accounts in it, and makes its
output the same however the partials arrived.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.engines.spark.task import alone, batch_of, carried
from stillwatch.profiles.packed import packed, unpacked
from stillwatch.profiles.table import ProfileTable

BLOCKS = pa.schema([("block", pa.binary())])
"""Finished profiles and outcomes, ``_TOGETHER`` at a time, as an Arrow stream."""
_TOGETHER: Final = 256
"""About a megabyte: Java holds several copies of a value on its way to the driver."""


def merged(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """One partial per account of ``batches`` (sorted by account); outcomes pass through."""
    with carried():
        held, salt = ProfileTable(()), 0
        for batch in batches:
            salt = batch.column("salt")[0].as_py() if batch.num_rows else salt
            for outcome in batch.column("outcome").drop_null().to_pylist():
                yield alone(outcome, salt)
            batch = batch.filter(pc.is_valid(batch.column("account_id")))  # noqa: PLW2901
            if not batch.num_rows:
                continue
            held.merge_profiles(batch.column("account_id"), unpacked(batch.column("record")))
            if len(held) > 1:
                last = batch.column("account_id")[-1].as_py()
                yield from _all_but(held, last, salt)
                held = _only(held, last)
        if len(held):
            yield _batch(held, np.arange(len(held)), salt)


def blocks(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Batches as single values."""
    for part in _divided(batches):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, part.schema) as writer:
            writer.write_batch(part)
        yield pa.RecordBatch.from_arrays(
            [pa.array([sink.getvalue().to_pybytes()], pa.binary())], schema=BLOCKS
        )


def _divided(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for first in range(0, batch.num_rows, _TOGETHER):
            yield batch.slice(first, _TOGETHER)


def opened(block: bytes) -> pa.RecordBatch:
    """The batch of a block."""
    with pa.ipc.open_stream(block) as reader:
        batch: pa.RecordBatch = reader.read_next_batch()
    return batch


def _all_but(table: ProfileTable, last: str, salt: int) -> Iterator[pa.RecordBatch]:
    rows = np.array([row for row, name in enumerate(table.account_ids) if name != last])
    yield _batch(table, rows, salt)


def _only(table: ProfileTable, last: str) -> ProfileTable:
    kept = ProfileTable(())
    row = table.account_ids.index(last)
    kept.merge_profiles(pa.array([last]), table.profiles[row : row + 1])
    return kept


def _batch(table: ProfileTable, rows: np.ndarray, salt: int) -> pa.RecordBatch:
    ids = pa.array(table.account_ids, pa.string()).take(pa.array(rows))
    return batch_of(ids, packed(table.profiles[rows]), salt)
