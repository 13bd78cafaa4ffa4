"""What an executor does: a split through the project's own reader and kernel into partials.

The parts are those of the local engine, one thread per task: Spark starts as many tasks as there
are cores. A worker process keeps its kernel (and its memory of pieces of text) for the next
split. At most ``ROOM`` accounts are held at a time; when there are more, the partials leave and
counting starts anew, so the memory of a task does not depend on the data.
"""

import fcntl
import hashlib
import pickle
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pyarrow as pa
from llvmlite import binding  # type: ignore[import-untyped]
from numba.core import config as numba_config

from stillwatch.engines.local import SLICE
from stillwatch.engines.spark.faults import TaskFault
from stillwatch.engines.spark.outcome import Kept, Outcome
from stillwatch.engines.spark.splits import Split
from stillwatch.errors import StillwatchError
from stillwatch.logs import Reading, ReadOptions, Tally, registry
from stillwatch.logs.interface import JoiningFormat, Source
from stillwatch.logs.parquet import canonical
from stillwatch.profiles.packed import packed, unpacked
from stillwatch.profiles.phrases import FamilyTable
from stillwatch.profiles.requests import requests
from stillwatch.profiles.table import ProfileTable
from stillwatch.profiles.text import TextFeatures, TextKernel
from stillwatch.profiles.words import WordVectors

ROOM: Final = 32_768
"""Accounts a task holds, 400 MB of profiles."""
BLOCK: Final = 1024
"""Partials handed on at a time, 12 MB at most."""
PARTIALS: Final = pa.schema(
    [("account_id", pa.string()), ("salt", pa.int64()), ("record", pa.binary()),
     ("outcome", pa.binary())]
)  # fmt: skip
"""A partial has account and record; an outcome stands alone. ``salt`` is the split's number,
then that of the round's group."""


@dataclass(frozen=True, slots=True)
class Work:
    """What every task of a run needs to know; travels with the code."""

    options: ReadOptions
    """How to read; the limit on bad rows holds for the whole, so the driver keeps it."""
    families: FamilyTable
    """Phrase families, compiled once by the driver."""
    key: bytes
    """Tells one table of families from another."""
    room: int = ROOM


def work_of(options: ReadOptions, families: FamilyTable, room: int = ROOM) -> Work:
    """The work of a run."""
    key = hashlib.sha256(pickle.dumps(families)).digest()
    return Work(replace(options, bad_row_limit=1.0), families, key, room)


def measured(work: Work, splits: Iterable[Split]) -> Iterator[pa.RecordBatch]:
    """Partials and outcome of each split, as batches of ``PARTIALS``."""
    for split in splits:
        tally, bad = Tally(), Kept()
        readings = [Reading(source, work.options, bad, tally) for source in split.sources]
        reader = registry.by_name(split.format)
        with carried():
            if isinstance(reader, JoiningFormat):
                batches = reader.joined(readings)
            else:
                batches = (batch for each in readings for batch in reader.batches(each))
            yield from _partials(work, split.number, batches, tally, bad)


def measured_rows(
    work: Work, name: str, number: int, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """The same for a partition of a table that Spark reads."""
    tally, bad = Tally(), Kept()
    reading = Reading(Source(name, "spark", 0, None), work.options, bad, tally)

    def events() -> Iterator[pa.RecordBatch]:
        row = 1
        for batch in batches:
            yield canonical(reading, batch, row)
            row += batch.num_rows

    with carried():
        yield from _partials(work, number, events(), tally, bad)


def _partials(
    work: Work, number: int, batches: Iterable[pa.RecordBatch], tally: Tally, bad: Kept
) -> Iterator[pa.RecordBatch]:
    names = work.families.names
    table, models = ProfileTable(names), dict[int, str]()
    kernel, room = _kernel(work)
    for batch in batches:
        for start in range(0, batch.num_rows, SLICE):
            part = batch.slice(start, SLICE)
            text = kernel.features(part.column("prompt"), room)
            table.add(part, requests(part), text)
        if len(table) > work.room:
            models |= table.model_names
            yield from handed_on(table, number)
            table = ProfileTable(names)
    yield from handed_on(table, number)
    outcome = Outcome(number, tally, tuple(bad.rows), bad.uncounted, models | table.model_names)
    yield alone(outcome.packed(), number)


def handed_on(table: ProfileTable, salt: int) -> Iterator[pa.RecordBatch]:
    """All profiles of a table as batches of ``PARTIALS``."""
    for start in range(0, len(table), BLOCK):
        ids = pa.array(table.account_ids[start : start + BLOCK], pa.string())
        yield batch_of(ids, packed(table.profiles[start : start + BLOCK]), salt)


def batch_of(ids: pa.Array, records: pa.Array, salt: int) -> pa.RecordBatch:
    """Partials as they travel."""
    n = len(ids)
    salts = pa.repeat(pa.scalar(salt, pa.int64()), n)
    return pa.RecordBatch.from_arrays(
        [ids, salts, records, pa.nulls(n, pa.binary())], schema=PARTIALS
    )


def alone(outcome: bytes, salt: int) -> pa.RecordBatch:
    """An outcome as it travels."""
    return pa.RecordBatch.from_arrays(
        [pa.nulls(1, pa.string()), pa.array([salt], pa.int64()), pa.nulls(1, pa.binary()),
         pa.array([outcome], pa.binary())],
        schema=PARTIALS,
    )  # fmt: skip


@contextmanager
def carried() -> Iterator[None]:
    """Let errors of ours leave an executor in a form that can be told again."""
    try:
        yield
    except StillwatchError as error:
        raise TaskFault(error) from None


_KERNELS: dict[bytes, tuple[TextKernel, TextFeatures]] = {}
"""The kernel of this process, and room to measure in."""


def _kernel(work: Work) -> tuple[TextKernel, TextFeatures]:
    if work.key not in _KERNELS:
        _KERNELS.clear()
        with _one_compiles():
            made = TextKernel(work.families, WordVectors()), TextFeatures.zeros(SLICE)
            warm(work.families, *made)
        _KERNELS[work.key] = made
    return _KERNELS[work.key]


def warm(families: FamilyTable, kernel: TextKernel, room: TextFeatures) -> None:
    """Compile or load all that measuring and merging needs, with one event."""
    event = pa.RecordBatch.from_pydict(
        {
            "event_id": ["e"],
            "timestamp": pa.array([0], pa.timestamp("us", "UTC")),
            "account_id": ["a"],
            "model": ["m"],
            "prompt": ["one"],
        }
    )
    table = ProfileTable(families.names)
    table.add(event, requests(event), kernel.features(event.column("prompt"), room))
    table.merge_profiles(pa.array(["a"]), unpacked(packed(table.profiles)))


@contextmanager
def _one_compiles() -> Iterator[None]:
    """Of the workers that share a cache one compiles and the others load what it made.

    numba's cache is safe for many, but each of them would spend half a minute on the same work.
    """
    cache: str = getattr(numba_config, "CACHE_DIR", "")  # numba sets its settings by name
    place = f"{Path(__file__).parent} {binding.get_host_cpu_name()}"
    mark = Path(cache) / f"warm-{hashlib.sha256(place.encode()).hexdigest()[:16]}"
    if not cache or mark.exists():
        yield
        return
    with mark.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
        mark.touch()
