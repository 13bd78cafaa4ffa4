"""Requests whose records lie in several files."""

import orjson
import pytest
from logs_support import SAMPLES, ids, read, write_lines

from stillwatch.errors import EmptyInput, TooManyBadRows
from stillwatch.logs import Limits

RECORDS = [
    record
    for line in (SAMPLES / "azure.json").read_bytes().splitlines()
    for record in orjson.loads(line)["records"]
]
GATEWAY = [record for record in RECORDS if record["category"] == "GatewayLogs"]
LLM = [record for record in RECORDS if record["category"] == "GatewayLlmLogs"]


def write_hours(folder, records, size=3):
    """Records as a diagnostic setting delivers them: a folder per category, a file per hour."""
    for record in records:
        hour = int(record["correlationId"].removeprefix("req_")) // size
        container = f"insights-logs-{record['category'].lower()}"
        path = folder / container / "y=2026" / f"h={hour:02}" / "PT1H.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(orjson.dumps(record) + b"\n")
    return folder


def test_records_in_folders_of_their_own_are_joined(tmp_path):
    expected, _, _ = read(SAMPLES / "azure.json")
    table, log, quarantine = read(write_hours(tmp_path, RECORDS))
    assert table.sort_by("event_id").equals(expected.sort_by("event_id"))
    assert (quarantine.count, log.tally.good) == (0, 12)
    assert not log.tally.skipped


def test_files_named_in_any_order_are_joined(tmp_path):
    write_hours(tmp_path, RECORDS, size=100)
    gateway, llm = (tmp_path / f"insights-logs-gateway{kind}logs" for kind in ("", "llm"))
    expected, _, _ = read(gateway, llm)
    table, _, _ = read(llm, gateway)
    assert table.equals(expected)
    assert table.num_rows == 12


def test_few_requests_are_held_when_hours_lie_apart(tmp_path):
    write_hours(tmp_path, RECORDS)
    limits = Limits(pending_events=3, pending_gateways=6)
    table, _, quarantine = read(tmp_path, limits=limits)
    assert (table.num_rows, quarantine.count) == (12, 0)


def test_a_bad_row_is_found_in_its_own_file(tmp_path):
    bad = [{**each, "correlationId": "req_0099"} for each in LLM[:3]]
    write_hours(tmp_path, [*RECORDS, *bad])
    table, _, quarantine = read(tmp_path, bad_row_limit=1.0)
    assert table.num_rows == 12
    assert [(row.source, row.line, row.reason) for row in quarantine.first] == [
        (
            str(tmp_path / "insights-logs-gatewayllmlogs/y=2026/h=33/PT1H.json"),
            1,
            "no account_id",
        )
    ]


def test_one_category_alone_says_what_is_missing(tmp_path):
    write_hours(tmp_path, RECORDS)
    with pytest.raises(TooManyBadRows, match="export the category GatewayLogs too"):
        read(tmp_path / "insights-logs-gatewayllmlogs")
    with pytest.raises(EmptyInput, match="gateway record of no model request"):
        read(tmp_path / "insights-logs-gatewaylogs")


def test_what_is_no_record_in_a_batch_is_counted(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(orjson.dumps({"records": [*RECORDS, 7, None]}))
    table, _, quarantine = read(path, bad_row_limit=1.0)
    assert len(ids(table)) == 12
    assert quarantine.count == 2


def part(sequence, **properties):
    return {
        "time": "2026-03-02T08:00:00Z",
        "category": "GatewayLlmLogs",
        "correlationId": "c",
        "properties": {"sequenceNumber": sequence, **properties},
    }


def told(tmp_path, *parts):
    """Prompt and response of one request in these parts."""
    gateway = {**part(0, apimSubscriptionId="a"), "category": "GatewayLogs"}
    first = part(0, modelName="lumen")
    path = write_lines(tmp_path / "a.json", [gateway, first, *parts])
    table, _, _ = read(path, bad_row_limit=1.0)
    return [(row["prompt"], row["response"]) for row in table.to_pylist()]


ASKED = '[{"role": "user", "content": "how long does it rest?"}]'
SAID = '[{"role": "assistant", "content": "twelve hours"}]'


def test_parts_are_joined_in_the_order_of_their_numbers(tmp_path):
    parts = [part(str(n), responseMessages=SAID[n - 9 : n - 8]) for n in range(9, 9 + len(SAID))]
    asked = [part("1", requestMessages=ASKED[:9]), part(2, requestMessages=ASKED[9:])]
    assert told(tmp_path, *reversed(parts), *asked) == [("how long does it rest?", "twelve hours")]


def test_a_streamed_answer_is_one_text(tmp_path):
    pieces = orjson.dumps([{"role": "assistant", "content": "twe"}, {"content": "lve"}]).decode()
    more = orjson.dumps([{"role": "assistant", "content": " hours"}]).decode()
    parts = [part(1, requestMessages=ASKED), part(2, responseMessages=pieces),
             part(3, responseMessages=more)]  # fmt: skip
    assert told(tmp_path, *parts) == [("how long does it rest?", "twelve hours")]


@pytest.mark.parametrize("kept", [45, len(ASKED) - 3, len(ASKED) - 1])
def test_what_a_cut_message_still_says_is_kept(tmp_path, kept):
    [(prompt, _)] = told(tmp_path, part(1, requestMessages=ASKED[:kept]))
    assert "how long does it rest?".startswith(prompt)
    assert len(prompt) > 9


def test_json_that_is_cut_too_early_is_no_prompt(tmp_path):
    with pytest.raises(EmptyInput):
        told(tmp_path, part(1, requestMessages=ASKED[:9]))
