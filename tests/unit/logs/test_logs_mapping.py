import datetime as dt

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from logs_support import SAMPLES, event, ids, read, write_lines

from stillwatch.errors import ConfigError
from stillwatch.logs import parse_mapping, read_mapping
from stillwatch.logs.mapping import lookup

PATHS = {
    "event_id": "id",
    "timestamp": "at",
    "account_id": "who.account",
    "model": "req.model",
    "prompt": "req.messages",
}


def record(**changes):
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "1"},
        {"role": "user", "content": [{"type": "text", "text": "two"}, {"type": "image_url"}]},
    ]
    return {"id": 7, "at": 1772438400000, "who": {"account": "a"}, "req": {"model": "m", "messages": messages}, **changes}  # fmt: skip


def test_nested_records_are_read_by_path(tmp_path):
    path = write_lines(tmp_path / "a.json", [record()])
    table, _, _ = read(path, mapping=parse_mapping({"columns": PATHS}))
    row = table.to_pylist()[0]
    assert row["event_id"] == "7"
    assert (row["prompt"], row["system_prompt"], row["turn"]) == ("two", "Be brief.", 1)
    assert row["timestamp"] == dt.datetime(2026, 3, 2, 8, tzinfo=dt.UTC)


def test_parquet_structs_are_read_by_path(tmp_path):
    rows = [{**record(), "who": {"account": "a", "tags": ["x", "y"]}}]
    for row in rows:
        row["req"] = {"model": "m", "messages": [{"role": "user", "content": "two"}]}
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    mapping = parse_mapping({"columns": {**PATHS, "end_user_id": "who.tags.1"}})
    row = read(tmp_path / "a.parquet", mapping=mapping)[0].to_pylist()[0]
    assert (row["prompt"], row["account_id"], row["end_user_id"]) == ("two", "a", "y")


def test_a_mapping_overrides_what_a_format_finds():
    mapping = parse_mapping({"columns": {"account_id": "resource.service.name"}})
    table, _, _ = read(SAMPLES / "otel.jsonl", mapping=mapping)
    assert set(table.column("account_id").to_pylist()) == {"lumen-gateway"}
    mapping = parse_mapping({"columns": {"account_id": "requestMetadata.project"}})
    table, log, _ = read(SAMPLES / "bedrock.json.gz", mapping=mapping, bad_row_limit=1.0)
    assert set(table.column("account_id").to_pylist()) == {"orbit"}
    assert log.tally.bad == 7


def test_constants_fill_what_is_absent(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", [event(0), event(1, channel="own")])
    mapping = parse_mapping({"constants": {"channel": "first_party"}})
    table, _, _ = read(path, mapping=mapping)
    assert table.column("channel").to_pylist() == ["first_party", "own"]


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_time_settings(tmp_path, suffix):
    rows = [event(0, timestamp="2026-07-01T10:00:00")]
    path = tmp_path / f"a.{suffix}"
    if suffix == "jsonl":
        write_lines(path, rows)
    else:
        pq.write_table(
            pa.Table.from_pylist([{**rows[0], "timestamp": dt.datetime(2026, 7, 1, 10)}]), path
        )
    mapping = parse_mapping({"time": {"zone": "Europe/Berlin"}})
    table, _, _ = read(path, mapping=mapping)
    assert table.column("timestamp").to_pylist() == [dt.datetime(2026, 7, 1, 8, tzinfo=dt.UTC)]


def test_a_fixed_unit_beats_the_guess(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", [event(0, timestamp=946_684_800_001)])
    mapping = parse_mapping({"time": {"unit": "us"}})
    _, log, quarantine = read(path, mapping=parse_mapping({"time": {"unit": "ms"}}))
    assert quarantine.count == 0
    with pytest.raises(Exception, match="cannot be used"):
        read(path, mapping=mapping)
    assert log.tally.good == 1


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"columns": {"acount_id": "a"}}, "did you mean 'account_id'"),
        ({"colums": {}}, "did you mean 'columns'"),
        ({"columns": {"model": 5}}, "must be a source path"),
        ({"columns": {"model": {"path": "a", "as": "x"}}}, "must be a source path"),
        ({"columns": {"model": {"path": "a", "az": "messages"}}}, "did you mean 'as'"),
        ({"time": {"unit": "h"}}, "unit must be one of"),
        ({"time": {"zone": "Europe/Berlim"}}, "did you mean 'Europe/Berlin'"),
        ({"format": {"delimiter": ";;"}}, "one character"),
        ({"format": "csv"}, "must be a table"),
        ({"constants": {"chanel": "x"}}, "did you mean 'channel'"),
    ],
)
def test_a_wrong_mapping_says_what_is_wrong(table, message):
    with pytest.raises(ConfigError, match=message):
        parse_mapping(table)


def test_a_file_that_is_no_mapping(tmp_path):
    (tmp_path / "m.toml").write_text("[columns")
    for path in (tmp_path / "m.toml", tmp_path / "none.toml"):
        with pytest.raises(ConfigError, match="cannot read mapping"):
            read_mapping(path)


def test_missing_source_columns_name_the_closest(tmp_path):
    path = write_lines(tmp_path / "a.json", [record()])
    mapping = parse_mapping({"columns": {**PATHS, "account_id": "who.acount"}})
    with pytest.raises(ConfigError, match=r"did you mean 'who\.account'"):
        read(path, mapping=mapping)
    mapping = parse_mapping({"columns": {"account_id": "Custmer"}, "format": {"base": "csv", "delimiter": ";"}})  # fmt: skip
    with pytest.raises(ConfigError, match="did you mean 'Customer'"):
        read(SAMPLES / "odd_layout.csv", mapping=mapping)
    with pytest.raises(ConfigError, match="did you mean 'client_ip'"):
        read(
            SAMPLES / "canonical.parquet",
            mapping=parse_mapping({"columns": {"country": "clientip"}}),
        )


def test_an_optional_field_may_be_rare(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", [event(n) for n in range(3)])
    mapping = parse_mapping({"columns": {"country": "edge.geo"}})
    assert len(ids(read(path, mapping=mapping)[0])) == 3


def test_lookup():
    tree = {"a": {"b.c": [{"d": 1}, None]}, "a.b": 2}
    assert lookup(tree, "a.b.c.0.d") == 1
    assert lookup(tree, "a.b") == 2
    assert lookup(tree, "a.b.c.-2.d") == 1
    for absent in ("a.b.c.5", "a.b.c.1.d", "a.x", "z", "a.b.c.x"):
        assert lookup(tree, absent) is None
