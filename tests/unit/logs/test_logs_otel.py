"""Messages wherever instrumentations put them: on the span, in its events, in log records."""

import json

import orjson
import pytest
from logs_support import read, write_lines

from stillwatch.errors import EmptyInput, TooManyBadRows
from stillwatch.logs import Limits

NAMED = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "lumen", "enduser.id": "a"}
ASKED = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "how long?"}]}])
SAID = json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "a day"}]}])
DETAILS = "gen_ai.client.inference.operation.details"
TOLD = {"gen_ai.input.messages": ASKED, "gen_ai.output.messages": SAID}


def listed(values):
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]


def ids(number):
    return {"traceId": f"{number:032x}", "spanId": f"{number:016x}"}


def spans(*attributes, resource=None, events=()):
    made = [
        {**ids(n), "name": "chat", "startTimeUnixNano": "1772438400000000000",
         "attributes": listed(each), "events": list(events)}
        for n, each in enumerate(attributes)
    ]  # fmt: skip
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": listed(resource or {})},
                "scopeSpans": [{"spans": made}],
            }
        ]
    }


def record(number, name, body=None, **attributes):
    said = {key: {"stringValue": value} for key, value in (body or {}).items()}
    return {
        **ids(number),
        "eventName": name,
        "timeUnixNano": "1772438400000000000",
        "attributes": listed(attributes),
        "body": {
            "kvlistValue": {"values": [{"key": key, "value": each} for key, each in said.items()]}
        },
    }


def logs(*records):
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": list(records)}]}]}


def messages(number):
    return [
        record(number, "gen_ai.system.message", {"content": "rule"}),
        record(number, "gen_ai.user.message", {"content": "how long?"}),
        record(
            number, "gen_ai.choice", {"message": '{"content": "a day"}', "finish_reason": "stop"}
        ),
    ]


def answers(table):
    return [(row["prompt"], row["response"]) for row in table.to_pylist()]


WAYS = {
    "attributes": [spans(NAMED | TOLD)],
    "span event of all messages": [
        spans(NAMED, events=[{"name": DETAILS, "attributes": listed(TOLD)}])
    ],
    "account in the resource": [
        spans({k: v for k, v in (NAMED | TOLD).items() if k != "enduser.id"},
              resource={"enduser.id": "a"})
    ],
    "log record of all messages": [logs(record(0, DETAILS, **NAMED, **TOLD))],
    "the same and its span": [spans(NAMED), logs(record(0, DETAILS, **TOLD))],
    "a log record per message": [logs(*messages(0)), spans(NAMED)],
    "a log record per message, later": [spans(NAMED), logs(*messages(0))],
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("together", [True, False])
def test_a_request_is_one_row_however_it_is_told(tmp_path, way, together):
    for number, document in enumerate(WAYS[way]):
        with (tmp_path / f"{0 if together else number}.jsonl").open("ab") as file:
            file.write(orjson.dumps(document) + b"\n")
    table, log, quarantine = read(tmp_path)
    assert answers(table) == [("how long?", "a day")]
    assert table.column("account_id").to_pylist() == ["a"]
    assert (quarantine.count, log.tally.skipped.total()) == (0, 0)


def test_few_are_held(tmp_path):
    documents = [doc for n in range(50) for doc in (logs(*messages(n)),)]
    documents.insert(0, spans(*[NAMED] * 3, *[NAMED | TOLD] * 60))
    path = write_lines(tmp_path / "a.jsonl", documents)
    table, log, quarantine = read(path, limits=Limits(pending_events=20))
    assert (table.num_rows, quarantine.count) == (63, 0)
    assert log.tally.skipped == {"message event apart from its span": 47 * 3}


def test_spans_sent_twice_are_not_lost(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", [spans(NAMED), spans(NAMED), logs(*messages(0))])
    assert answers(read(path)[0]) == [("how long?", "a day")] * 2


def test_what_is_missing_is_said(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", [spans(NAMED)])
    with pytest.raises(TooManyBadRows, match="capture message content"):
        read(path)
    write_lines(path, [logs(*messages(0))])
    with pytest.raises(EmptyInput, match="message event apart from its span"):
        read(path)
