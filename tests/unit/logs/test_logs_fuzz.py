"""Garbage between good lines: no reader crashes and no good line is lost."""

import csv
import io
import random
from collections.abc import Callable

import orjson
import pytest
from logs_support import SAMPLES, event, ids, read

from stillwatch.errors import StillwatchError

GARBAGE = 10_000
SHAPES = [
    b"null", b"[]", b"{}", b"[1,2", b"{", b"}", b'"', b'{"a":', b"\xff\xfe\x00", b"\x00" * 9, b"NaN",
    b'{"event_id":"x"}', b'{"event_id":"x","account_id":null}', b"1e999", b"[" * 2000, b'{"a":' * 500,
    b'"""', b",,,,", b'a,"b', b"\xed\xa0\x80", b'{"records":[{"properties":7}]}',
    b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":5}]}]}]}', b'{"resourceSpans":7}',
    b'{"schemaType":"ModelInvocationLog","input":{"inputBodyJson":[1,{"a":[]}]}}', b"\x1f\x8b\x08",
    b'{"correlationId":5,"properties":"{"}', b'{"request_id":[],"metadata":"{","request_tags":"x"}',
]  # fmt: skip


def mutated(line: bytes, rng: random.Random) -> bytes:
    """A line broken so that it can be no good record any more: cut, then some bytes changed."""
    kept = bytearray(line[: rng.randrange(len(line))])
    for _ in range(rng.randrange(4)):
        if kept:
            kept[rng.randrange(len(kept))] = rng.choice(b'"{}[],:\\x\x00\xff')
    return bytes(kept).replace(b"\n", b" ")


def canonical_line(number: int) -> bytes:
    return orjson.dumps(event(number, response='a "quoted" {answer}'))


def csv_line(number: int) -> bytes:
    text = io.StringIO()
    row = event(number, prompt=f'say "{number}", please')
    csv.writer(text, lineterminator="").writerow(row.values())
    return text.getvalue().encode()


def litellm_line(number: int) -> bytes:
    record = orjson.loads((SAMPLES / "litellm.jsonl").read_bytes().splitlines()[number % 12])
    return orjson.dumps({**record, "request_id": f"req_{number}"})


def otel_line(number: int) -> bytes:
    line = (SAMPLES / "otel_events.jsonl").read_bytes().splitlines()[number % 12]
    return line.replace(b"req_%04d" % (number % 12 + 1), f"req_{number}".encode())


def bedrock_line(number: int) -> bytes:
    body = {"messages": [{"role": "user", "content": [{"text": f"question {number}"}]}]}
    return orjson.dumps(
        {
            "schemaType": "ModelInvocationLog",
            "timestamp": "2026-03-02T08:00:00Z",
            "identity": {"arn": "arn:aws:iam::111122223333:user/a"},
            "requestId": f"req_{number}",
            "modelId": "lumen",
            "operation": "Converse",
            "input": {"inputBodyJson": body},
        }
    )


def azure_line(number: int) -> bytes:
    properties = {
        "sequenceNumber": 0,
        "modelName": "lumen",
        "requestMessages": orjson.dumps(
            [{"role": "user", "content": f"question {number}"}]
        ).decode(),
        "apimSubscriptionId": "acct",
    }
    return orjson.dumps(
        {
            "time": "2026-03-02T08:00:00Z",
            "category": "GatewayLlmLogs",
            "correlationId": f"req_{number}",
            "properties": properties,
        }
    )


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("jsonl", canonical_line),
        ("csv", csv_line),
        ("litellm", litellm_line),
        ("otel", otel_line),
        ("bedrock", bedrock_line),
        ("azure", azure_line),
    ],
)
def test_no_good_line_is_lost_among_garbage(tmp_path, name: str, good: Callable[[int], bytes]):
    rng = random.Random(name)
    lines = [b",".join(key.encode() for key in event())] if name == "csv" else []
    expected = []
    for number in range(GARBAGE):
        kind = rng.random()
        if kind < 0.3:
            lines.append(rng.choice(SHAPES))
        elif kind < 0.6:
            lines.append(bytes(rng.randrange(256) for _ in range(rng.randrange(60))))
        else:
            lines.append(mutated(good(number), rng))
        if number % 10 == 0:
            lines.append(good(number))
            expected.append(f"req_{number}")
    path = tmp_path / "garbled.log"
    path.write_bytes(b"\n".join(line.replace(b"\n", b" ") for line in lines) + b"\n")
    table, log, quarantine = read(path, format=name, bad_row_limit=1.0)
    found = [each for each in ids(table) if each.startswith("req_")]
    assert [each for each in expected if each not in set(found)] == []
    assert log.tally.good == table.num_rows
    assert quarantine.count == log.tally.bad
    # everything that was not blank is accounted for
    blank = sum(not line.strip() for line in lines)
    header = name == "csv"
    accounted = log.rows_read + sum(log.tally.skipped.values())
    assert accounted >= 0.9 * (len(lines) - blank - header)


def test_no_flipped_byte_of_a_table_gets_past_the_reader(tmp_path):
    rng = random.Random("parquet")
    whole = (SAMPLES / "canonical.parquet").read_bytes()
    path = tmp_path / "flipped.parquet"
    refused = 0
    for _ in range(400):
        flipped = bytearray(whole)
        for _ in range(rng.randrange(1, 6)):
            flipped[rng.randrange(len(flipped))] = rng.randrange(256)
        path.write_bytes(flipped)
        try:
            table, log, _ = read(path, bad_row_limit=1.0)
        except StillwatchError:
            refused += 1
        else:
            assert log.tally.good == table.num_rows
    assert refused > 100
