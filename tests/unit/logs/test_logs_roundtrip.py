"""What was written is what is read, for every table that the schema allows."""

import csv
import datetime as dt
import tempfile
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from logs_support import read

from stillwatch.domain.tables import EVENTS
from stillwatch.logs import EVENTS_SCHEMA

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
WORD = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
MOMENT = st.datetimes(dt.datetime(2000, 1, 2), dt.datetime(2199, 1, 1), timezones=st.just(dt.UTC))
CELLS = {
    "string": WORD,
    "timestamp": MOMENT,
    "int32": st.integers(0, 2**31 - 1),
    "int64": st.integers(0, 2**63 - 1),
    "float32": st.floats(0, 1000, width=32).map(lambda x: float(np.float32(x))),
    "bool": st.booleans(),
}
ROW = st.fixed_dictionaries(
    {
        c.name: (TEXT if c.name == "prompt" else CELLS[c.type])
        if c.required
        else st.none() | CELLS[c.type]
        for c in EVENTS
    }
)
TABLE = st.lists(ROW, min_size=1, max_size=8).map(
    lambda rows: pa.Table.from_pylist(rows, schema=EVENTS_SCHEMA)
)


def write_parquet(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path)


def plain(value):
    return value.isoformat() if isinstance(value, dt.datetime) else value


def write_jsonl(table: pa.Table, path: Path) -> None:
    rows = ({name: plain(v) for name, v in row.items()} for row in table.to_pylist())
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))


def write_csv(table: pa.Table, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, table.schema.names)
        writer.writeheader()
        writer.writerows({k: plain(v) for k, v in row.items()} for row in table.to_pylist())


@pytest.mark.parametrize("write", [write_parquet, write_jsonl, write_csv])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(table=TABLE)
def test_round_trip(write, table):
    with tempfile.TemporaryDirectory() as folder:
        suffix = write.__name__.removeprefix("write_")
        path = Path(folder) / f"log.{suffix}"
        write(table, path)
        got, _, quarantine = read(path, batch_rows=3)
    assert quarantine.count == 0
    assert got.equals(table), (got.to_pylist(), table.to_pylist())
