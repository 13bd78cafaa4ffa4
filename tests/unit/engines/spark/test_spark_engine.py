"""One session on this machine: every shape of a log gives the local engine's bytes and its errors."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stillwatch.engines.interface import Read
from stillwatch.engines.spark import faults
from stillwatch.engines.spark.engine import SparkEngine
from stillwatch.errors import EmptyInput, InputError, StillwatchError, TooManyBadRows
from stillwatch.logs import Quarantine, ReadOptions, parse_mapping
from stillwatch.profiles.days import by_day, day_number
from tests.clusters import (
    ONE_IN_A_HUNDRED,
    OPTIONS,
    VICTIM,
    World,
    assert_same,
    cluster,
    cut_anew,
    found,
    local,
    needs_spark,
    overwritten,
    read,
    rows,
    shapes,
    thousand,
    world,
)
from tests.logfiles import write_jsonl
from tests.profiling import by_account
from tests.support import batch

pytestmark = needs_spark


@pytest.fixture(scope="module")
def engine() -> Iterator[SparkEngine]:
    with cluster("local[2]") as engine:
        yield engine


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    return shapes(tmp_path_factory.mktemp("logs"))


@pytest.fixture(scope="module")
def simulated(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[World, Read, tuple[object, ...]]:
    """A log with campaigns, its profiles by one thread, and what is found in it."""
    log = world(tmp_path_factory.mktemp("log") / "world")
    expected = local(log.events)
    said = found(expected, log)
    assert all(said[:3])  # accounts, flagged ones, campaigns: there is something to differ in
    return log, expected, said


@pytest.mark.parametrize("shape", ["row groups", "files, shuffled", "ranges of lines"])
def test_every_shape_gives_the_bytes_of_the_local_engine(
    engine: SparkEngine, logs: dict[str, list[str]], shape: str
) -> None:
    """Also in rounds of two partials each."""
    told: list[tuple[int, int]] = []
    size = 90_000 if shape == "ranges of lines" else 16_000
    engine = replace(engine, options=replace(engine.options, split_bytes=size, fan_in=2))
    paths, expected = logs[shape], local(logs["row groups"])
    got = engine.read(paths, OPTIONS, Quarantine(None), lambda *at: told.append(at))
    assert_same(got, expected)
    assert_same(local(paths, workers=2), expected)
    assert got.formats == local(paths).formats
    assert told[-1][0] == told[-1][1] > 0
    assert told == sorted(told)


@settings(max_examples=3, deadline=None)
@given(files=st.integers(2, 12), seed=st.integers(0, 2**32 - 1))
def test_any_order_in_any_files_gives_one_set_of_profiles_and_findings(
    engine: SparkEngine,
    simulated: tuple[World, Read, tuple[object, ...]],
    tmp_path_factory: pytest.TempPathFactory,
    files: int,
    seed: int,
) -> None:
    """One thread, two threads and Spark; profiles to the byte, so nothing is left to judging."""
    log, expected, said = simulated
    paths = cut_anew(log, tmp_path_factory.mktemp("cut") / "log", files, seed)
    for got in (local(paths, workers=1), local(paths, workers=2), read(engine, paths)):
        assert_same(got, expected)
        assert found(got, log) == said


def test_a_corrupt_file_among_a_thousand_changes_no_result(
    engine: SparkEngine, tmp_path: Path
) -> None:
    folder = thousand(tmp_path / "logs")
    victim = folder / VICTIM
    whole = victim.read_bytes()
    expected = local([str(path) for path in sorted(folder.iterdir()) if path != victim])
    victim.write_bytes(overwritten(whole))  # found by executors; a lost footer by who lists files
    here, there = tmp_path / "here.jsonl", tmp_path / "there.jsonl"
    got = read(engine, [str(folder)], ONE_IN_A_HUNDRED, there)
    assert by_account(got.table) == by_account(expected.table)
    assert got.remarks == local([str(folder)], ONE_IN_A_HUNDRED, here).remarks
    assert there.read_bytes() == here.read_bytes()
    assert there.read_bytes().count(b"\n") == 1


def test_days_are_told_apart_on_executors_too(
    engine: SparkEngine, logs: dict[str, list[str]]
) -> None:
    """In one round, after the others: a second run over the same files."""
    options = replace(OPTIONS, by_day=True)
    got = read(engine, logs["files, shuffled"], options)
    assert_same(got, local(logs["row groups"], options))
    got.table.sort()
    assert sorted(by_day(got.table)) == [day_number("2026-03-02") + n for n in range(3)]


def test_what_spark_reads_itself_is_taken_by_the_same_rules(
    engine: SparkEngine, tmp_path: Path, logs: dict[str, list[str]]
) -> None:
    table = pa.Table.from_batches([batch(rows(300))])
    own = {"account_id": "customer", "prompt": "said"}
    table = table.rename_columns([own.get(name, name) for name in table.column_names])
    ids = _with_nulls(table.column("event_id"), {7, 250})
    table = table.set_column(table.column_names.index("event_id"), "event_id", ids)
    pq.write_table(table, tmp_path / "own.parquet")
    mapping = parse_mapping({"columns": {"account_id": "customer", "prompt": "said"}})
    options = replace(OPTIONS, mapping=mapping, bad_row_limit=0.1)
    engine.session.read.parquet(str(tmp_path)).createOrReplaceTempView("requests")
    bad = tmp_path / "spark.jsonl"
    got = read(engine, ["table:requests"], options, bad)
    expected = local([str(tmp_path / "own.parquet")], options, tmp_path / "local.jsonl")
    assert_same(got, expected)
    assert got.formats == ("spark",)
    assert _reasons(bad) == _reasons(tmp_path / "local.jsonl") == ["no event_id"] * 2
    # beside files, and in Spark's own way of naming one
    both = read(engine, [*logs["files, shuffled"], f"table:parquet.`{logs['row groups'][0]}`"])
    assert both.formats == ("parquet", "spark")
    assert_same(both, local([*logs["files, shuffled"], *logs["row groups"]]))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("table:nowhere.requests", "Spark cannot read table:nowhere.requests: "),
        ("table:narrow", "table:narrow has no column 'prompt'"),
    ],
)
def test_a_table_that_cannot_be_used_is_one_line(
    engine: SparkEngine, tmp_path: Path, name: str, said: str
) -> None:
    narrow = pa.Table.from_batches([batch(rows(3))]).drop_columns(["prompt"])
    pq.write_table(narrow, tmp_path / "narrow.parquet")
    engine.session.read.parquet(str(tmp_path)).createOrReplaceTempView("narrow")
    with pytest.raises(InputError) as caught:
        read(engine, [name])
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


def test_bad_rows_are_counted_and_found_over_all_tasks(engine: SparkEngine, tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "a.jsonl", rows(600))
    lines = path.read_bytes().split(b"\n")
    for at in (0, 77, 300, 301, 599):
        lines[at] = b'{"event_id": "broken' if at % 2 else b'{"event_id": "e", "prompt": "p"}'
    path.write_bytes(b"\n".join(lines))
    options = replace(OPTIONS, bad_row_limit=0.05)
    got = read(engine, [str(path)], options, tmp_path / "spark.jsonl")
    expected = local([str(path)], options, tmp_path / "local.jsonl")
    assert_same(got, expected)
    kept = sorted((tmp_path / "spark.jsonl").read_text().splitlines())
    assert kept == sorted((tmp_path / "local.jsonl").read_text().splitlines())
    assert len(kept) == 5
    _fails_alike(engine, [str(path)], replace(OPTIONS, bad_row_limit=0.001), TooManyBadRows)


def test_a_damaged_file_among_many_is_the_same_error(engine: SparkEngine, tmp_path: Path) -> None:
    for part in range(9):
        some = pa.Table.from_batches([batch(rows(60)[part::9])])
        pq.write_table(some, tmp_path / f"{part}.parquet", compression="zstd")
    victim = tmp_path / "6.parquet"
    whole = victim.read_bytes()
    victim.write_bytes(whole[:40] + bytes(400) + whole[440:])
    _fails_alike(engine, [str(tmp_path)], OPTIONS, InputError, "6.parquet is damaged after row")
    victim.write_bytes(whole[:-20])
    _fails_alike(engine, [str(tmp_path)], OPTIONS, InputError, "6.parquet is not a whole Parquet")


def test_a_log_of_nothing_is_the_same_error(engine: SparkEngine, tmp_path: Path) -> None:
    path = tmp_path / "empty.parquet"
    pq.write_table(pa.Table.from_batches([batch(rows(3))]).slice(0, 0), path)
    _fails_alike(engine, [str(path)], OPTIONS, EmptyInput)


def _fails_alike(
    engine: SparkEngine,
    paths: list[str],
    options: ReadOptions,
    kind: type[StillwatchError],
    said: str = "",
) -> None:
    with pytest.raises(kind) as here:
        local(paths, options)
    with pytest.raises(kind) as there:
        _told(engine, paths, options)
    assert str(there.value) == str(here.value)
    assert said in str(here.value)


def _told(engine: SparkEngine, paths: list[str], options: ReadOptions) -> None:
    """As ``session.opened`` tells errors, whose session is the module's here."""
    from pyspark.errors import PySparkException

    try:
        read(engine, paths, options)
    except PySparkException as error:
        raise faults.told(error) from None


def _with_nulls(column: pa.ChunkedArray, at: set[int]) -> pa.Array:
    return pa.array([None if i in at else each for i, each in enumerate(column.to_pylist())])


def _reasons(path: Path) -> list[str]:
    return [orjson.loads(line)["reason"] for line in path.read_bytes().splitlines()]
