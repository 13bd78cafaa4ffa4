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

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from stillwatch.logs.bodies import request_fields, response_fields
from stillwatch.logs.interface import Reading
from stillwatch.logs.lines import Item, json_items, looks_like_json, opened, sample
from stillwatch.logs.mapping import lookup
from stillwatch.logs.messages import parsed
from stillwatch.logs.records import Row, check_sample, record_batches

_OPERATIONS = {"Converse": "chat", "ConverseStream": "chat"}


@dataclass(frozen=True, slots=True)
class BedrockFormat:
    """Reads Bedrock model invocation logs."""

    name: str = "bedrock"

    def sniff(self, head: bytes, name: str) -> float:
        """Recognise the schema type that every record carries."""
        del name
        return 0.95 if looks_like_json(head) and b"ModelInvocationLog" in head else 0.0

    def check(self, reading: Reading, head: bytes) -> None:
        """Refuse logs without text delivery."""
        records = [_record(Item(0, b"", value)) for value in sample(head)]
        check_sample(reading, [_row(item) for item in records if _refusal(item.value) is None])

    def batches(self, reading: Reading) -> Iterator[pa.RecordBatch]:
        """Yield canonical batches; invocations that generate no text are skipped and counted."""
        return record_batches(reading, _rows(reading))


def _rows(reading: Reading) -> Iterator[Row]:
    for item in map(_record, json_items(reading, opened(reading))):
        refusal = _refusal(item.value)
        if refusal is not None:
            reading.reject(item.line, refusal, item.raw)
        elif _embeds(item.value):
            reading.skip("embedding")
        else:
            yield _row(item, reading.options.limits.depth)


def _record(item: Item) -> Item:
    """Unwrap a CloudWatch export."""
    inner = parsed(item.value.get("message"))
    return Item(item.line, item.raw, inner) if isinstance(inner, dict) else item


def _refusal(record: dict[str, Any]) -> str | None:
    if record.get("schemaType") != "ModelInvocationLog":
        return "not a ModelInvocationLog record"
    if lookup(record, "input.inputBodyJson") is None and lookup(record, "input.inputBodyS3Path"):
        return "body kept in an object of its own (inputBodyS3Path)"
    return None


def _embeds(record: dict[str, Any]) -> bool:
    return "embed" in str(record.get("modelId", ""))


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
