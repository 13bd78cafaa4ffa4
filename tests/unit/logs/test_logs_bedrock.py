"""What surrounds Bedrock's records: wrappers, bodies apart, invocations that make no text."""

import gzip

import orjson
import pytest
from logs_support import read

from stillwatch.errors import EmptyInput


def invocation(number: int = 0, **changes):
    body = {"messages": [{"role": "user", "content": [{"text": f"question {number}"}]}]}
    return {
        "schemaType": "ModelInvocationLog",
        "timestamp": "2026-03-02T08:00:00Z",
        "identity": {"arn": "arn:aws:iam::111122223333:user/a"},
        "requestId": f"req_{number}",
        "modelId": "lumen",
        "operation": "Converse",
        "input": {"inputBodyJson": body},
        **changes,
    }


RECORDS = [invocation(number) for number in range(3)]
TEXTS = [orjson.dumps(record).decode() for record in RECORDS]
LAYOUTS = {
    "lines": "\n".join(TEXTS),
    "array": f"[{','.join(TEXTS)}]",
    "records": orjson.dumps({"Records": RECORDS}).decode(),
    "subscription": orjson.dumps(
        {"messageType": "DATA_MESSAGE", "logEvents": [{"id": "1", "message": t} for t in TEXTS]}
    ).decode(),
    "insights": "\n".join(orjson.dumps({"@message": text}).decode() for text in TEXTS),
    "export task": "\n".join(f"2026-03-02T08:00:00.000Z {text}" for text in TEXTS),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_records_are_found_in_whatever_wraps_them(tmp_path, layout):
    path = tmp_path / "a.json"
    path.write_text(LAYOUTS[layout])
    table, log, quarantine = read(path)
    assert log.sources[0].format == "bedrock"
    assert table.column("prompt").to_pylist() == [f"question {n}" for n in range(3)]
    assert quarantine.count == 0


def apart(number: int, name: str) -> bytes:
    where = f"s3://bucket/AWSLogs/1/BedrockModelInvocationLogs/eu/2026/data/{name}"
    return orjson.dumps(invocation(number, input={"inputBodyS3Path": where}))


def test_a_body_apart_is_read_from_beside_the_log(tmp_path):
    folder = tmp_path / "2026"
    (folder / "data").mkdir(parents=True)
    body = orjson.dumps(RECORDS[1]["input"]["inputBodyJson"])
    (folder / "data" / "req_1_input.json.gz").write_bytes(gzip.compress(body))
    (folder / "data" / "req_3_input.json").write_bytes(b"{cut")
    lines = [TEXTS[0].encode(), apart(1, "req_1_input.json.gz"), apart(2, "gone.json.gz"),
             apart(3, "req_3_input.json"), apart(4, "..")]  # fmt: skip
    (folder / "log.json.gz").write_bytes(gzip.compress(b"\n".join(lines)))
    table, log, quarantine = read(tmp_path, bad_row_limit=1.0)
    assert table.column("prompt").to_pylist() == ["question 0", "question 1"]
    assert [row.line for row in quarantine.first] == [3, 4, 5]
    assert "not beside the log" in quarantine.first[0].reason
    assert len(log.sources) == 1


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("amazon.titan-embed-text-v2:0", "embedding"),
        ("stability.sd3-large-v1:0", "image"),
        ("amazon.nova-canvas-v1:0", "image"),
        ("cohere.rerank-v3-5:0", "ranking"),
    ],
)
def test_invocations_that_make_no_text_are_skipped_and_counted(tmp_path, model, kind):
    path = tmp_path / "a.json"
    records = [invocation(0, modelId=model, input={"inputBodyJson": {"text": "x"}}), *RECORDS[1:]]
    path.write_bytes(b"\n".join(map(orjson.dumps, records)))
    table, log, _ = read(path)
    assert table.num_rows == 2
    assert log.tally.skipped == {kind: 1}
    path.write_bytes(orjson.dumps(records[0]))
    with pytest.raises(EmptyInput, match=kind):
        read(path)
