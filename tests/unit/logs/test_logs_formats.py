"""The same twelve requests in every format come out as the same rows."""

import pyarrow as pa
import pytest
from logs_support import SAMPLES, read

from stillwatch.logs import EVENTS_SCHEMA, read_mapping
from stillwatch.logs.registry import FORMATS

# What a format cannot say about these requests
LACKS = {
    "canonical.jsonl": set(),
    "canonical.csv": {"response"},  # an empty answer and none are the same in CSV
    "litellm.jsonl": {"channel", "response"},  # the empty answer was a tool call: content null
    "litellm.csv": {"channel", "response"},
    "otel.jsonl": {"credential_id", "channel", "logprobs", "tools"},
    "otel_older.json": {"credential_id", "channel", "logprobs", "tools", "stream"},
    "otel_events.jsonl": {"credential_id", "channel", "logprobs", "tools"},
    "bedrock.json.gz": {
        "account_id", "organization_id", "credential_id", "end_user_id", "conversation_id",
        "client_ip", "user_agent", "channel", "turn", "operation",
    },
    "azure.json": {
        "organization_id", "credential_id", "conversation_id", "channel", "max_tokens",
        "temperature", "top_p", "tools", "user_agent", "logprobs",
    },
    "odd_layout.csv": {
        "credential_id", "conversation_id", "response", "max_tokens", "temperature", "top_p",
        "tools", "stream", "finish_reason", "user_agent", "logprobs",
    },
}  # fmt: skip
NAMES = {
    "canonical.jsonl": "jsonl", "canonical.csv": "csv", "litellm.jsonl": "litellm",
    "litellm.csv": "litellm", "otel.jsonl": "otel", "otel_older.json": "otel",
    "otel_events.jsonl": "otel", "bedrock.json.gz": "bedrock", "azure.json": "azure",
    "odd_layout.csv": "csv",
}  # fmt: skip


def sample(name: str) -> pa.Table:
    mapping = read_mapping(SAMPLES / "mapping.toml") if name == "odd_layout.csv" else None
    table, log, quarantine = read(SAMPLES / name, mapping=mapping)
    assert log.sources[0].format == NAMES.get(name, "parquet")
    assert quarantine.count == 0
    assert not log.tally.cells
    return table.sort_by("event_id")


@pytest.mark.parametrize("name", LACKS)
def test_rows_are_the_same_in_every_format(name):
    expected, got = sample("canonical.parquet"), sample(name)
    assert got.schema == EVENTS_SCHEMA
    for column in EVENTS_SCHEMA.names:
        if column not in LACKS[name]:
            assert got.column(column).to_pylist() == expected.column(column).to_pylist(), column


@pytest.mark.parametrize("name", LACKS)
def test_what_a_format_lacks_is_not_invented(name):
    """Columns left out above are null, or say the same where they say anything, or are its own."""
    own = {"bedrock.json.gz": {"account_id", "organization_id", "end_user_id", "channel", "operation"},
           "azure.json": {"organization_id", "channel"}}.get(name, set())  # fmt: skip
    expected, got = sample("canonical.parquet"), sample(name)
    for column in LACKS[name] - own:
        for theirs, ours in zip(
            got.column(column).to_pylist(), expected.column(column).to_pylist(), strict=True
        ):
            assert theirs in (None, ours), column


def test_every_format_has_a_sample():
    assert set(NAMES.values()) | {"parquet"} == {each.name for each in FORMATS}


def test_bedrock_accounts_are_roles_without_their_sessions():
    accounts = sample("bedrock.json.gz").column("account_id").to_pylist()
    assert len(set(accounts)) == 4
    assert all(name.startswith("arn:aws:sts::") and name.count("/") == 1 for name in accounts)
    expected = sample("canonical.parquet").column("account_id").to_pylist()
    assert [name.rpartition("/")[2] for name in accounts] == expected


def test_records_that_are_no_request_are_counted():
    _, log, _ = read(SAMPLES / "otel.jsonl")
    assert log.tally.skipped == {"span of no model request": 1}
    _, log, _ = read(SAMPLES / "litellm.jsonl")
    assert log.tally.skipped == {"call type aembedding": 1}


def test_columns_are_projected():
    table, _, _ = read(SAMPLES / "canonical.parquet", columns=frozenset({"client_ip"}))
    assert table.schema.names == [
        "event_id", "timestamp", "account_id", "model", "prompt", "client_ip",
    ]  # fmt: skip


def test_all_samples_at_once_are_one_log():
    names = [name for name in LACKS if name != "odd_layout.csv"]
    table, log, _ = read(*[SAMPLES / name for name in names])
    assert table.num_rows == 12 * len(names)
    assert log.bytes_read == log.total_bytes == sum((SAMPLES / n).stat().st_size for n in names)
    assert log.rows_read == table.num_rows
