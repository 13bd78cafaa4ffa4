"""A mapping reaches the same places in a table as in JSON lines."""

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from logs_support import ids, read, write_lines

from stillwatch.errors import ConfigError
from stillwatch.logs import parse_mapping

RECORDS = [
    {
        "id": f"req_{n}",
        "at": 1_772_438_400 + n,
        "customer": {"id": f"a{n % 2}", "plan": {"tier": "x"}},
        "said": [{"role": "user", "text": f"earlier {n}"}] * n
        + [{"role": "user", "text": f"q{n}"}],
        "raw": orjson.dumps({"model": "lumen"}).decode(),
        "channel": None if n else "first_party",
    }
    for n in range(3)
]
COLUMNS = {"event_id": "id", "timestamp": "at", "account_id": "customer.id", "model": "raw.model"}


def both(tmp_path, columns, constants=None):
    """The same records read from a table and, with JSON text parsed, from JSON lines."""
    mapping = parse_mapping({"columns": {**COLUMNS, **columns}, "constants": constants or {}})
    pq.write_table(pa.Table.from_pylist(RECORDS), tmp_path / "a.parquet")
    lines = [{**record, "raw": orjson.loads(record["raw"])} for record in RECORDS]
    write_lines(tmp_path / "a.jsonl", lines)
    return [read(tmp_path / f"a.{kind}", mapping=mapping)[0] for kind in ("parquet", "jsonl")]


@pytest.mark.parametrize("path", ["said.0.text", "said.-1.text", "said"])
def test_positions_in_lists(tmp_path, path):
    table, lines = both(tmp_path, {"prompt": path})
    assert table.equals(lines)
    assert ids(table) == ["req_0", "req_1", "req_2"]


def test_constants_fill_what_is_absent(tmp_path):
    table, lines = both(tmp_path, {"prompt": "said.0.text"}, {"channel": "gap", "country": "DE"})
    assert table.equals(lines)
    assert table.column("channel").to_pylist() == ["first_party", "gap", "gap"]
    assert set(table.column("country").to_pylist()) == {"DE"}


def test_maps(tmp_path):
    kind = pa.map_(pa.string(), pa.string())
    tags = pa.array([[("owner", f"a{n}")] for n in range(3)], kind)
    table = pa.Table.from_pylist(RECORDS).append_column("tags", tags)
    pq.write_table(table, tmp_path / "a.parquet")
    columns = {**COLUMNS, "account_id": "tags.owner", "prompt": "said.0.text"}
    got, _, _ = read(tmp_path / "a.parquet", mapping=parse_mapping({"columns": columns}))
    assert got.column("account_id").to_pylist() == ["a0", "a1", "a2"]


@pytest.mark.parametrize("path", ["customer.nope", "at.x", "customer.plan.tear"])
def test_a_path_that_cannot_be_is_an_error_that_helps(tmp_path, path):
    with pytest.raises(ConfigError, match=r"is not in .*a\.parquet"):
        both(tmp_path, {"prompt": "said.0.text", "account_id": path})
