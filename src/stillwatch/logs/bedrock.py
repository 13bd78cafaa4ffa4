"""Amazon Bedrock model invocation logs, as delivered to S3 or CloudWatch Logs.

One JSON object per line, ``schemaType`` ``ModelInvocationLog``, gzipped in S3; an export from
CloudWatch wraps each in ``message``. Bodies are understood for Converse and for the native
requests of the model families (``bodies``). A body above 100 KB is kept in an object of its
own (``inputBodyS3Path``); such a request is refused by name, since its prompt is elsewhere.

Account: the IAM identity that called, ``identity.arn``; of an assumed role the role without its
session name, which the caller chooses freely. The session becomes the end user, the AWS account
the organisation. Source: Amazon Bedrock User Guide, "Monitor model invocation using CloudWatch
Logs and Amazon S3".
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from stillwatch.logs.bedrockbody import fetch_body
from stillwatch.logs.bodies import request_fields, response_fields
from stillwatch.logs.interface import Reading
from stillwatch.logs.lines import Item, json_items, looks_like_json, opened, sample, unwrapped
from stillwatch.logs.mapping import lookup
from stillwatch.logs.messages import parsed
from stillwatch.logs.records import Row, check_sample, record_batches

SCHEMA: Final = "ModelInvocationLog"
_MARK: Final = re.compile(rb'"schemaType"\s*:\s*"ModelInvocationLog"')
_OPERATIONS = {"Converse": "chat", "ConverseStream": "chat"}


@dataclass(frozen=True, slots=True)
class BedrockFormat:
    """Reads Bedrock model invocation logs."""

    name: str = "bedrock"

    def sniff(self, head: bytes, name: str) -> float:
        """Recognise the schema type that every record carries."""
        del name
        if not looks_like_json(head) or SCHEMA.encode() not in head:
            return 0.0
        # CloudWatch's wrappers hold the record as text, as a customer's prompt may
        known = _MARK.search(head) or any(_is_record(value) for value in sample(head))
        return 0.95 if known else 0.0

    def check(self, reading: Reading, head: bytes) -> None:
        """Refuse logs without text delivery."""
        items = (each for value in sample(head) for each in _records(Item(0, b"", value)))
        rows = [_row(item) for item in items if _usable(item.value)]
        check_sample(reading, rows)

    def batches(self, reading: Reading) -> Iterator[pa.RecordBatch]:
        """Yield canonical batches; invocations that generate no text are skipped and counted."""
        return record_batches(reading, _rows(reading))


def _rows(reading: Reading) -> Iterator[Row]:
    for item in json_items(reading, opened(reading)):
        for record in _records(item):
            if record.value.get("schemaType") != SCHEMA:
                reading.reject(record.line, "not a ModelInvocationLog record", record.raw)
            elif other := _other(record.value):
                reading.skip(other)
            else:
                yield from _event(reading, record)


def _event(reading: Reading, item: Item) -> Iterator[Row]:
    for side in ("input", "output"):
        fetch_body(reading, item.value, side)
    if lookup(item.value, "input.inputBodyJson") is None and _apart(item.value):
        reason = "body kept in an object of its own (inputBodyS3Path) that is not beside the log"
        reading.reject(item.line, reason, item.raw)
    else:
        yield _row(item, reading.options.limits.depth)


def _records(item: Item) -> Iterator[Item]:
    """Unwrap what CloudWatch delivers: a batch, and each record as text."""
    for outer in (item,) if item.value.get("schemaType") == SCHEMA else unwrapped(item):
        inner = parsed(outer.value.get("message") or outer.value.get("@message"))
        yield Item(outer.line, outer.raw, inner) if isinstance(inner, dict) else outer


def _is_record(value: dict[str, Any]) -> bool:
    records = _records(Item(0, b"", value))
    return any(record.value.get("schemaType") == SCHEMA for record in records)


def _usable(record: dict[str, Any]) -> bool:
    whole = lookup(record, "input.inputBodyJson") is not None or not _apart(record)
    return record.get("schemaType") == SCHEMA and not _other(record) and whole


def _apart(record: dict[str, Any]) -> bool:
    return bool(lookup(record, "input.inputBodyS3Path"))


def _other(record: dict[str, Any]) -> str | None:
    """Tell what an invocation makes if it is no text."""
    model = str(record.get("modelId", ""))
    return next((kind for word, kind in _NO_TEXT.items() if word in model), None)


_NO_TEXT: Final = {
    "embed": "embedding",
    "rerank": "ranking",
    "stability.": "image",
    "titan-image": "image",
    "nova-canvas": "image",
    "nova-reel": "video",
}


def _row(item: Item, depth: int = 64) -> Row:
    record = item.value
    values = response_fields(lookup(record, "output.outputBodyJson"), depth)
    values.update(request_fields(lookup(record, "input.inputBodyJson"), depth))
    operation = str(record.get("operation", ""))
    account, session = _identity(lookup(record, "identity.arn"))
    values.update(
        event_id=record.get("requestId"),
        timestamp=record.get("timestamp"),
        account_id=account or record.get("accountId"),
        model=record.get("modelId"),
        organization_id=record.get("accountId"),
        end_user_id=session,
        operation=_OPERATIONS.get(operation) or _native(record, operation),
        stream=operation.endswith("Stream") if operation else None,
        channel="aws_bedrock",
    )
    for name, path in _TOKENS:
        counted = lookup(record, path)
        if counted is not None:
            values[name] = counted
    return Row(item, values, record)


_TOKENS = (("input_tokens", "input.inputTokenCount"), ("output_tokens", "output.outputTokenCount"))


def _native(record: dict[str, Any], operation: str) -> str | None:
    """Tell a native chat body from a bare completion."""
    if not operation:
        return None
    body = parsed(lookup(record, "input.inputBodyJson"))
    chat = isinstance(body, dict) and isinstance(body.get("messages"), list)
    return "chat" if chat else "text_completion"


def _identity(arn: Any) -> tuple[str | None, str | None]:
    """Split an ARN into the billed identity and the session under an assumed role."""
    if not isinstance(arn, str):
        return None, None
    if ":assumed-role/" in arn and arn.count("/") >= 2:
        role, _, session = arn.rpartition("/")
        return role, session
    return arn, None
