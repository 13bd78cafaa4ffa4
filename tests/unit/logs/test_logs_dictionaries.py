"""Texts that come as dictionaries: the same rows, the same refusals, the same counts as strings."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stillwatch.logs import EventLog, Quarantine, ReadOptions, events_schema, open_logs
from stillwatch.logs.schema import REPEATING
from tests.unit.logs.logs_support import event, read

LONG = "x" * 9000  # beyond the limit of a field
CELLS = st.sampled_from([None, "stop", "ünder", "", LONG, "a" * 8192])


def both(path: Path, **options: Any) -> list[tuple[pa.Table, EventLog, Quarantine]]:
    """The log as strings and as dictionaries, these decoded."""
    quarantine = Quarantine(None)
    log = open_logs([path], ReadOptions(encoded=True, bad_row_limit=1.0, **options), quarantine)
    batches = list(log.batches())
    for batch in batches:
        assert batch.schema.names == events_schema(None).names
        for name, array in zip(batch.schema.names, batch.columns, strict=True):
            array.validate(full=True)
            if pa.types.is_dictionary(array.type):
                assert name in REPEATING
                assert array.type == pa.dictionary(pa.int32(), pa.string())
                assert array.dictionary.null_count == 0
    schema = events_schema(None)
    table = pa.Table.from_batches([batch.cast(schema) for batch in batches], schema)
    return [read(path, bad_row_limit=1.0, **options), (table, log, quarantine)]


def agree(path: Path, **options: Any) -> pa.Table:
    (expected, log, refused), (got, other, also_refused) = both(path, **options)
    assert got.equals(expected)
    assert other.tally == log.tally
    assert also_refused.first == refused.first
    assert also_refused.reasons == refused.reasons
    return got


def dictionaries(path: Path, **options: Any) -> set[str]:
    log = open_logs([path], ReadOptions(encoded=True, **options), Quarantine(None))
    return {
        field.name
        for batch in log.batches()
        for field in batch.schema
        if pa.types.is_dictionary(field.type)
    }


def table_of(rows: int, **columns: list[Any]) -> pa.Table:
    """A log of ``rows`` rows whose given columns repeat their values."""
    events = pa.Table.from_pylist([event(i) for i in range(rows)])
    for name, values in columns.items():
        array = pa.array([values[i % len(values)] for i in range(rows)], pa.string())
        at = events.schema.get_field_index(name)
        events = events.append_column(name, array) if at < 0 else events.set_column(at, name, array)
    return events


def test_strings_unless_asked_for() -> None:
    assert ReadOptions().encoded is False


def test_what_repeats_comes_as_a_dictionary_and_identifiers_never_do(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(table_of(400, user_agent=["x/1", None], finish_reason=["stop"]), path)
    assert dictionaries(path) == {"model", "user_agent", "finish_reason"}
    assert dictionaries(path, columns=frozenset({"user_agent"})) == {"model", "user_agent"}
    agree(path)


def test_a_file_without_dictionaries_comes_as_strings(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(table_of(400, user_agent=["x/1"]), path, use_dictionary=False)
    assert dictionaries(path) == set()
    agree(path)


def test_a_large_or_given_up_dictionary_comes_as_strings(tmp_path: Path) -> None:
    table = table_of(5000, user_agent=[f"{i * 7919 % 10007:x} {i}" * 3 for i in range(5000)])
    pq.write_table(table, tmp_path / "a.parquet", compression="none")
    pq.write_table(table, tmp_path / "b.parquet", dictionary_pagesize_limit=1000)
    for name in ("a.parquet", "b.parquet"):
        assert dictionaries(tmp_path / name) == {"model"}
        agree(tmp_path / name)


def test_an_empty_file_has_no_dictionaries(tmp_path: Path) -> None:
    pq.write_table(table_of(3).slice(0, 0), tmp_path / "a.parquet")
    pq.write_table(table_of(3), tmp_path / "b.parquet")
    log = open_logs([tmp_path], ReadOptions(encoded=True), Quarantine(None))
    assert sum(batch.num_rows for batch in log.batches()) == 3


@given(
    st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=30),
    st.integers(1, 9),
    st.integers(1, 9),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_rows_and_counts_are_those_of_strings(
    tmp_path: Path, cells: list[tuple[str | None, ...]], group: int, rows: int
) -> None:
    """With nulls, empty and overlong values, dictionaries that change, batches that cut them."""
    path = tmp_path / "a.parquet"
    cells = [("lumen", "x/1", "be brief"), *cells]  # one good row
    columns = [list(column) for column in zip(*cells, strict=True)]
    names = ("model", "user_agent", "system_prompt")
    table = table_of(len(cells), **dict(zip(names, columns, strict=True)))
    pq.write_table(table, path, row_group_size=group)
    agree(path, batch_rows=rows)


BAD = [b"\xff\xfe", b"y" * 9000, b""]


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("used", [False, True])
@pytest.mark.parametrize("name", ["model", "user_agent"])
def test_only_values_that_a_row_has_count(
    tmp_path: Path, bad: bytes, used: bool, name: str
) -> None:
    """The bad value stands in the file's dictionary; the batch before or after has it or not."""
    path = tmp_path / "a.parquet"
    cells = [b"good"] * 90 + [bad] * 10 + [b"good"] * 100
    raw = pa.array(cells, pa.binary())
    text = pa.Array.from_buffers(pa.string(), len(raw), raw.buffers())
    table = table_of(200, **{name: ["good"]})
    table = table.set_column(table.schema.get_field_index(name), name, text)
    pq.write_table(table, path)
    (_, log, refused), (got, other, also_refused) = both(path, batch_rows=50 if used else 100)
    assert other.tally == log.tally
    assert also_refused.reasons == refused.reasons
    if name == "model":
        assert got.num_rows == 190
        assert refused.count == 10
    else:
        assert log.tally.cells[name] == (0 if bad == b"" else 10)
        assert got.column(name).null_count == (0 if bad == b"" else 10)


@pytest.mark.parametrize("index", [pa.int8(), pa.uint16(), pa.int64()])
@pytest.mark.parametrize("value", [pa.string(), pa.large_string()])
def test_dictionaries_of_any_width(tmp_path: Path, index: pa.DataType, value: pa.DataType) -> None:
    path = tmp_path / "a.parquet"
    table = table_of(60, user_agent=["x", None, "y"])
    for name in ("model", "user_agent", "account_id", "prompt"):
        kind = pa.dictionary(index, value)
        at = table.schema.get_field_index(name)
        array = table.column(name).combine_chunks().dictionary_encode().cast(kind)
        table = table.set_column(at, name, array)
    pq.write_table(table, path)
    assert dictionaries(path) == {"model", "user_agent"}
    agree(path)


def test_numbers_where_text_belongs(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = table_of(60).append_column("user_agent", pa.array([1, 2, None] * 20))
    pq.write_table(table, path)
    assert agree(path).column("user_agent").to_pylist()[:3] == ["1", "2", None]
