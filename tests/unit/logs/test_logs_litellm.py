"""Spend logs as deployments differ: wrapped by the API, redacted, without users."""

import orjson
import pytest
from logs_support import SAMPLES, read, write_lines

from stillwatch.errors import InputError, TooManyBadRows

LINES = (SAMPLES / "litellm.jsonl").read_bytes().splitlines()
RECORDS = [orjson.loads(line) for line in LINES]


def test_an_answer_of_the_api_is_unwrapped(tmp_path):
    expected, _, _ = read(SAMPLES / "litellm.jsonl")
    path = tmp_path / "a.json"
    for wrapped in (RECORDS, {"data": RECORDS, "total": len(RECORDS), "page": 1}):
        path.write_bytes(orjson.dumps(wrapped))
        table, log, quarantine = read(path)
        assert table.equals(expected)
        assert (quarantine.count, log.tally.skipped.total()) == (0, 1)


REDACTED = [
    {"messages": {}, "proxy_server_request": {}},
    {"messages": [{"role": "user", "content": "redacted-by-litellm"}], "proxy_server_request": {}},
    {"messages": "{}", "proxy_server_request": '{"messages": "redacted-by-litellm"}'},
]


@pytest.mark.parametrize("stored", REDACTED)
def test_redacted_prompts_are_never_taken_for_prompts(tmp_path, stored):
    path = tmp_path / "a.jsonl"
    write_lines(path, [{**record, **stored} for record in RECORDS])
    with pytest.raises(InputError, match="turn on store_prompts_in_spend_logs"):
        read(path)
    write_lines(path, [*RECORDS, *({**record, **stored} for record in RECORDS)])
    with pytest.raises(TooManyBadRows, match=r"no prompt \(12\)"):
        read(path)


def test_without_a_user_the_team_and_then_the_key_is_the_account(tmp_path):
    nobody = {"user": "default_user_id", "metadata": {}}
    path = write_lines(tmp_path / "a.jsonl", [
        {**RECORDS[0], **nobody, "team_id": "team_1"},
        {**RECORDS[1], **nobody, "team_id": None, "api_key": "key_hash"},
    ])  # fmt: skip
    table, _, _ = read(path)
    assert table.column("account_id").to_pylist() == ["team_1", "key_hash"]


def test_reasons_that_a_log_makes_up_are_bounded(tmp_path):
    made_up = [{**RECORDS[0], "call_type": f"embedding {n} " + "x" * 999} for n in range(200)]
    path = write_lines(tmp_path / "a.jsonl", [*RECORDS, *made_up])
    _, log, _ = read(path)
    assert log.tally.skipped.total() == 201
    assert len(log.tally.skipped) <= 51
    assert max(map(len, log.tally.skipped)) <= 80
