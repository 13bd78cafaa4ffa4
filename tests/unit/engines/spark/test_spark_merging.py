"""What executors do, without Spark: any cut of a log and any grouping of partials gives one answer."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.engines.spark import merging, task
from stillwatch.engines.spark.outcome import KEPT, Kept, unpacked
from stillwatch.engines.spark.splits import Split
from stillwatch.logs import Limits, Source, Tally
from stillwatch.profiles import packed as packing
from stillwatch.profiles.table import ProfileTable
from tests.clusters import OPTIONS
from tests.clusters import rows as events
from tests.profiling import by_account, families, profiled
from tests.support import batch

ROWS = events(240)
WORK = task.work_of(OPTIONS, families(), room=240)
SMALL = replace(WORK, room=25)


@pytest.fixture(scope="module")
def whole() -> dict[str, bytes]:
    return by_account(profiled(ROWS))


def partials(parts: Iterable[list[int]], work: task.Work = WORK) -> pa.Table:
    """Partials and outcomes of parts of the log, each a split of its own."""
    made: list[pa.RecordBatch] = []
    for number, part in enumerate(parts):
        given = (batch([ROWS[row] for row in part[at : at + 20]]) for at in range(0, len(part), 20))
        made += task._partials(work, number, given, Tally(good=len(part)), Kept())
    return pa.Table.from_batches(made, schema=task.PARTIALS)


def shuffled(table: pa.Table, tasks: int, size: int) -> Iterator[Iterator[pa.RecordBatch]]:
    """As Spark hands partials to the tasks that merge: by account, sorted, in batches of any size."""
    homes = [hash(each) % tasks for each in table.column("account_id").to_pylist()]
    for home in range(tasks):
        mine = table.filter(pa.array([each == home for each in homes]))
        ordered = mine.sort_by([("account_id", "ascending")])
        yield iter(ordered.combine_chunks().to_batches(max_chunksize=size))


def merged(table: pa.Table, tasks: int, size: int) -> pa.Table:
    made = [each for home in shuffled(table, tasks, size) for each in merging.merged(home)]
    return pa.Table.from_batches(made, schema=task.PARTIALS)


def profiles_in(table: pa.Table) -> dict[str, bytes]:
    found = ProfileTable(families().names)
    rows = table.filter(pc.is_valid(table.column("account_id"))).combine_chunks()
    for each in rows.to_batches():
        assert len(set(each.column("account_id").to_pylist())) == each.num_rows
        records = packing.unpacked(each.column("record"))
        found.merge_profiles(each.column("account_id"), records)
    return by_account(found)


@settings(max_examples=25)
@given(st.lists(st.integers(0, 5), min_size=240, max_size=240), st.randoms(), st.integers(1, 4),
       st.integers(1, 60), st.integers(1, 3), st.sampled_from([WORK, SMALL]))  # fmt: skip
def test_any_cut_and_any_rounds_give_one_answer(  # type: ignore[no-untyped-def]
    whole, homes, random, tasks, size, rounds, work
) -> None:
    order = list(range(240))
    random.shuffle(order)
    table = partials([[row for row in order if homes[row] == part] for part in range(6)], work)
    for _ in range(rounds):
        table = merged(table, tasks, size)
    assert profiles_in(table) == whole
    told = [unpacked(each) for each in table.column("outcome").drop_null().to_pylist()]
    assert sorted(each.split for each in told) == list(range(6))
    assert sum(each.tally.good for each in told) == 240
    assert {name for each in told for name in each.models.values()} == {f"m{i}" for i in range(5)}


def test_a_task_holds_few_events_and_counts_anew() -> None:
    given = [batch(ROWS[start : start + 10]) for start in range(0, 240, 10)]
    made = list(task._partials(SMALL, 0, iter(given), Tally(), Kept()))
    *rounds, told = made
    assert len(rounds) == 12
    assert max(each.num_rows for each in rounds) <= 20
    assert unpacked(told.column("outcome")[0].as_py()).models == profiled(ROWS).model_names


def test_blocks_come_back() -> None:
    table = partials([list(range(50))])
    many = pa.concat_tables([table] * 12).combine_chunks().to_batches()
    assert many[0].num_rows > 256
    blocks = [merging.opened(each.column(0)[0].as_py()) for each in merging.blocks(many)]
    assert max(each.num_rows for each in blocks) <= 256, "a value stays small"
    assert pa.Table.from_batches(blocks).combine_chunks().to_batches() == many


def test_a_split_is_read_by_the_project_s_reader(tmp_path: Path, whole: dict[str, bytes]) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_batches([batch(ROWS)]), path)
    split = Split(3, "parquet", (Source(str(path), "parquet", path.stat().st_size, None),))
    made = pa.Table.from_batches(list(task.measured(WORK, [split])))
    assert profiles_in(made) == whole
    [told] = made.column("outcome").drop_null().to_pylist()
    assert unpacked(told).tally.good == 240


def test_bad_rows_beyond_what_is_kept_are_counted() -> None:
    bad = Kept()
    for line in range(KEPT + 5):
        bad.add("a.jsonl", line, f"unusable asn ({line})", "x" * 5000)
    assert len(bad.rows) == KEPT
    assert bad.uncounted.total() == 5
    assert len(bad.rows[0][3]) == Limits().quarantine_bytes
