"""What an executor does: a split through the project's own reader and kernel into partials.

The parts are those of the local engine, one thread per task: Spark starts as many tasks as there
are cores. A worker process keeps its kernel (and its memory of pieces of text) for the next
split. Events are folded account by account (``profiles.gathered``), ``ROOM`` of them at a time at
most: then the partials leave and counting starts anew, so memory does not depend on the data.
"""

import fcntl
import hashlib
import pickle
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from llvmlite import binding  # type: ignore[import-untyped]
from numba.core import config as numba_config

from stillwatch.engines.local import SLICE
from stillwatch.engines.spark.faults import TaskFault
from stillwatch.engines.spark.outcome import Kept, Outcome
from stillwatch.engines.spark.splits import Split
from stillwatch.errors import StillwatchError
from stillwatch.logs import LogFormat, Reading, ReadOptions, Tally, registry
from stillwatch.logs.eventlog import whole
from stillwatch.logs.interface import JoiningFormat, Source
from stillwatch.logs.parquet import canonical
from stillwatch.profiles.gathered import Gathered
from stillwatch.profiles.packed import packed, unpacked
from stillwatch.profiles.phrases import FamilyTable, load_families, shipped_rules
from stillwatch.profiles.requests import requests
from stillwatch.profiles.table import ProfileTable
from stillwatch.profiles.text import DIM, TextKernel
from stillwatch.profiles.words import WordVectors

ROOM: Final = 32 * SLICE
"""Events a task holds, 600 MB: what 128 MB of a log have. An account has a partial for each such room."""
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
    """Events held at a time; at least ``SLICE``."""
    spare_damaged: bool = False
    """Whether a damaged file is told in the outcome, for the driver to judge, or is an error."""


def work_of(
    options: ReadOptions, families: FamilyTable, room: int = ROOM, *, spare_damaged: bool = False
) -> Work:
    """The work of a run."""
    key = hashlib.sha256(pickle.dumps(families)).digest()
    return Work(replace(options, bad_row_limit=1.0), families, key, room, spare_damaged)


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
                batches = chain.from_iterable(_of_file(work, reader, each) for each in readings)
            yield from _partials(work, split.number, batches, tally, bad)


def _of_file(work: Work, reader: LogFormat, reading: Reading) -> Iterator[pa.RecordBatch]:
    batches = reader.batches(reading)
    return whole(reading, batches) if work.spare_damaged else batches


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
    kernel, gathered, spare = _kernel(work)
    gathered.model_names.clear()
    gathered.forget()
    for batch in batches:
        if tally.left_out:
            continue  # all is read again without that file; whether others are damaged is asked
        for start in range(0, batch.num_rows, SLICE):
            part = batch.slice(start, SLICE)
            if gathered.held + part.num_rows > work.room:
                yield from _handed_on(gathered, number)
            kernel.features(part.column("prompt"), gathered.place(part.num_rows, spare))
            gathered.add(part, requests(part))
    yield from _handed_on(gathered, number)
    models = dict(gathered.model_names)
    yield alone(Outcome(number, tally, tuple(bad.rows), bad.uncounted, models).packed(), number)


def _handed_on(gathered: Gathered, salt: int) -> Iterator[pa.RecordBatch]:
    """All profiles as batches of ``PARTIALS``."""
    for ids, profiles in gathered.profiles():
        yield batch_of(ids, packed(profiles), salt)


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


Kernel = tuple[TextKernel, Gathered, npt.NDArray[np.float32]]
"""A kernel, room for what it measures, and room for what of that no profile needs."""
_KERNELS: dict[tuple[bytes, int], Kernel] = {}
"""The kernel of this process."""


def _kernel(work: Work) -> Kernel:
    key = work.key, work.room
    if key not in _KERNELS:
        _KERNELS.clear()
        with _one_compiles():
            _KERNELS[key] = warm(work.families, work.room)
    return _KERNELS[key]


def warm(families: FamilyTable, room: int = SLICE) -> Kernel:
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
    kernel, gathered = TextKernel(families, WordVectors()), Gathered(families.names, room)
    spare = np.zeros((SLICE, DIM), dtype=np.float32)
    kernel.features(event.column("prompt"), gathered.place(1, spare))
    gathered.add(event, requests(event))
    for ids, profiles in gathered.profiles():
        ProfileTable(families.names).merge_profiles(ids, unpacked(packed(profiles)))
    return kernel, gathered, spare


def compiled() -> None:
    """Compile the kernels beside their sources, for an environment that is packed after that."""
    warm(FamilyTable.compile(load_families(shipped_rules() / "phrases")))


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
