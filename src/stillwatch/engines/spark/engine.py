"""The Spark engine: splits to executors, partials merged by account, profiles home.

Three stages: *measure* (one task per split: read, kernel, partial profiles), *merge* (partials to
where their account belongs, in rounds of at most ``fan_in`` each, so that an account that is in
every split does not sit on one task), *fetch* (finished profiles, partition by partition). What
a task tells besides profiles travels with them (``outcome``), so nothing is counted twice when
Spark runs a task again.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.engines.interface import Progress, Read
from stillwatch.engines.spark import merging, outcome, tables, task
from stillwatch.engines.spark.options import SparkOptions
from stillwatch.engines.spark.splits import Split, splits_of
from stillwatch.engines.spark.watching import watched
from stillwatch.logs import EventLog, Quarantine, ReadOptions, Tally, open_logs
from stillwatch.profiles.packed import unpacked
from stillwatch.profiles.phrases import FamilyTable
from stillwatch.profiles.table import ProfileTable

if TYPE_CHECKING:
    from pyspark import StorageLevel
    from pyspark.sql import DataFrame, SparkSession

Batches = Iterator[pa.RecordBatch]
_PARTIALS: Final = "account_id string, salt bigint, record binary, outcome binary"
_BLOCKS: Final = "block binary"
_MOST_TASKS: Final = 2000


class _Run(NamedTuple):
    """What came of one job."""

    kept: "DataFrame"
    """The profiles, on the executors' disks."""
    table: ProfileTable
    outcomes: list[outcome.Outcome]
    """What the tasks met."""
    splits: list[Split]
    """What they were given."""


@dataclass(frozen=True, slots=True)
class SparkEngine:
    """Profiles on the executors of a session."""

    session: "SparkSession"
    families: FamilyTable
    options: SparkOptions
    keeps: bool = False
    """Whether executors keep the profiles, to link them."""

    def read(
        self,
        paths: Sequence[str],
        options: ReadOptions,
        quarantine: Quarantine,
        progress: Progress | None = None,
    ) -> Read:
        """Profiles of all events of ``paths`` (see ``interface.Engine``); also of ``tables``."""
        log, opened = self._opened(paths, options, quarantine)
        run = self._run(log, opened, options, progress)
        while damaged := [file for each in run.outcomes for file in each.tally.left_out]:
            run.kept.unpersist()
            log.tally.left_out.extend(damaged)
            log = log.rest()
            run = self._run(log, opened, options, progress)
        if not self.keeps:
            run.kept.unpersist()
        _account(log, run.outcomes, run.splits)
        formats = {source.format for source in log.sources}
        home = run.kept if self.keeps else None
        return Read(run.table, tuple(sorted(formats)), log.remarks, home)

    def _run(
        self,
        log: EventLog,
        opened: Sequence[tables.Opened],
        options: ReadOptions,
        progress: Progress | None,
    ) -> "_Run":
        """One job over a log."""
        ours = [each for each in log.readings if not isinstance(each[0], tables.SparkFormat)]
        cores = self.session.sparkContext.defaultParallelism
        splits = splits_of(ours, self.options.split_bytes, 2 * cores)
        work = task.work_of(options, self.families, spare_damaged=log.most_damaged > 0)
        parts = [_measure(self.session, work, splits)] if splits else []
        width = len(splits)
        for each in opened:
            parts.append(_measure_table(each, work, width))
            width += each.frame.rdd.getNumPartitions()
        partials = parts[0]
        for more in parts[1:]:
            partials = partials.unionAll(more)
        kept = self._merged(partials, width).persist(_storage())
        table, outcomes = self._fetched(kept, width, log, progress)
        return _Run(kept, table, outcomes, splits)

    def _opened(
        self, paths: Sequence[str], options: ReadOptions, quarantine: Quarantine
    ) -> tuple[EventLog, list[tables.Opened]]:
        """All inputs as one log, and those among them that Spark reads."""
        files = [path for path in paths if not tables.is_table(path)]
        log = open_logs(files, options, quarantine) if files else EventLog((), Tally(), Counter())
        opened = [
            tables.opened(self.session, path, options, quarantine, log.tally)
            for path in paths
            if tables.is_table(path)
        ]
        foreign = [(tables.SparkFormat(), each.reading) for each in opened]
        readings = (*log.readings, *foreign)
        return EventLog(readings, log.tally, log.passed_over, log.most_damaged), opened

    def _merged(self, partials: "DataFrame", width: int) -> "DataFrame":
        from pyspark.sql import functions as f  # noqa: PLC0415 - an optional extra

        tasks = self._merge_tasks(width)
        while width > self.options.fan_in:
            width = -(-width // self.options.fan_in)
            group = f.floor(f.col("salt") / self.options.fan_in).cast("bigint")
            salted = partials.withColumn("salt", group).repartition(tasks, "account_id", "salt")
            partials = salted.sortWithinPartitions("account_id").mapInArrow(_merge, _PARTIALS)
        whole = partials.repartition(tasks, "account_id").sortWithinPartitions("account_id")
        return whole.mapInArrow(_merge_to_blocks, _BLOCKS)

    def _merge_tasks(self, width: int) -> int:
        cores = self.session.sparkContext.defaultParallelism
        return self.options.merge_tasks or max(cores, min(width, _MOST_TASKS))

    def _fetched(
        self, kept: "DataFrame", width: int, log: EventLog, progress: Progress | None
    ) -> tuple[ProfileTable, list[outcome.Outcome]]:
        """Run the job and bring its result home.

        It is kept on the executors' disks meanwhile: fetched partition by partition, as it is so
        that the driver need not hold it twice, it would be merged one partition after another.
        """
        table, outcomes = ProfileTable(self.families.names), list[outcome.Outcome]()
        with watched(self.session, width, log.total_bytes, progress):
            kept.count()
        for row in kept.toLocalIterator():
            batch = merging.opened(row.block)
            told = batch.column("outcome").drop_null().to_pylist()
            outcomes.extend(map(outcome.unpacked, told))
            batch = batch.filter(pc.is_valid(batch.column("account_id")))
            if batch.num_rows:
                records = unpacked(batch.column("record"))
                table.merge_profiles(batch.column("account_id"), records)
        for each in outcomes:
            table.model_names |= each.models
        return table, sorted(outcomes, key=lambda each: each.split)


def _storage() -> "StorageLevel":
    from pyspark import StorageLevel  # noqa: PLC0415

    return StorageLevel.DISK_ONLY


def _measure(session: "SparkSession", work: task.Work, splits: list[Split]) -> "DataFrame":
    """Partials of files: a row of ``numbers``, and a partition of its own, for each split."""

    def measure(batches: Batches) -> Batches:
        for batch in batches:
            yield from task.measured(work, (splits[n] for n in batch.column(0).to_pylist()))

    numbers = session.range(0, len(splits), 1, len(splits))
    return numbers.mapInArrow(measure, _PARTIALS)


def _measure_table(opened: tables.Opened, work: task.Work, first: int) -> "DataFrame":
    """Partials of a table; its partitions are numbered from ``first`` on."""
    name = opened.reading.source.path

    def measure(batches: Batches) -> Batches:
        from pyspark import TaskContext  # noqa: PLC0415

        here: Any = TaskContext.get()
        yield from task.measured_rows(work, name, first + here.partitionId(), batches)

    return opened.frame.mapInArrow(measure, _PARTIALS)


def _merge(batches: Batches) -> Batches:
    return merging.merged(batches)


def _merge_to_blocks(batches: Batches) -> Batches:
    return merging.blocks(merging.merged(batches))


def _account(log: EventLog, outcomes: Sequence[outcome.Outcome], splits: Sequence[Split]) -> None:
    """Count what the executors met, in the order of the log, and judge the whole."""
    shift = _lines_before(outcomes, splits)
    quarantine = log.readings[0][1].quarantine
    for each in outcomes:
        log.tally.add(each.tally)
        for path, line, reason, raw in each.bad:
            quarantine.add(path, line + shift(each.split), reason, raw)
        quarantine.count_more(each.more_bad)
    log.tally.lines = 0
    log.finish()


def _lines_before(
    outcomes: Sequence[outcome.Outcome], splits: Sequence[Split]
) -> Callable[[int], int]:
    """Line ends of a file before each of its parts, by number of split."""
    before, path, lines = dict[int, int](), "", 0
    by_number = {each.split: each.tally.lines for each in outcomes}
    for split in splits:
        source = split.sources[0]
        lines = lines if source.path == path and source.part else 0
        before[split.number], path = lines, source.path
        lines += by_number.get(split.number, 0)
    return lambda number: before.get(number, 0)
