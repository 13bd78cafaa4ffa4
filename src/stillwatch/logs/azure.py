"""Azure API Management language-model logs: ``GatewayLlmLogs`` diagnostic records.

As delivered to storage or an event hub (``{"records": [...]}`` or one record per line, fields in
``properties``) and as exported from the ``ApiManagementGatewayLlmLog`` table of Log Analytics
(``PascalCase`` at the top). One request is several records with one ``correlationId``:
``sequenceNumber`` 0 has the model and the token counts, the others parts of the messages, which
are put in order and joined. A message that goes on in the next record goes on with the same role.

Account: the caller's subscription (``apimSubscriptionId``), else product or user. These stand in
the ``GatewayLogs`` records of the same ``correlationId``, often in a file of their own, so files
are joined (``azurejoin``); the caller's address comes from there too. Sources: Microsoft Learn, "Log token usage, prompts,
and completions for LLM APIs"; Azure Monitor reference, "ApiManagementGatewayLlmLog" and
"ApiManagementGatewayLogs".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

import pyarrow as pa

from stillwatch.logs.azurejoin import (
    BILLED,
    Joiner,
    Request,
    by_hour,
    field_of,
    records_of,
    text,
)
from stillwatch.logs.bodies import finish_reason
from stillwatch.logs.interface import Reading
from stillwatch.logs.lines import Item, json_items, looks_like_json, opened, sample
from stillwatch.logs.messages import conversation, parsed, text_of
from stillwatch.logs.records import Row, check_sample, record_batches

_MARKS: Final = (
    b"GatewayLlmLog",
    b'"requestMessages"',
    b'"RequestMessages"',
    b'"GatewayLogs"',
    b"ApiManagementGatewayLogs",
)


@dataclass(frozen=True, slots=True)
class AzureFormat:
    """Reads the language-model logs of Azure API Management."""

    name: str = "azure"

    def sniff(self, head: bytes, name: str) -> float:
        """Recognise the categories, the tables or the message fields."""
        del name
        return 0.95 if looks_like_json(head) and any(mark in head for mark in _MARKS) else 0.0

    def check(self, reading: Reading, head: bytes) -> None:
        """Refuse logs without messages; who called may stand in another file."""
        check_sample(reading, _sample_rows(reading, head), elsewhere=frozenset({"account_id"}))

    def batches(self, reading: Reading) -> Iterator[pa.RecordBatch]:
        """Yield canonical batches, one event per ``correlationId``."""
        return self.joined((reading,))

    def joined(self, readings: Sequence[Reading]) -> Iterator[pa.RecordBatch]:
        """Yield the same of several files whose records belong together."""
        requests = _requests(sorted(readings, key=lambda each: by_hour(each.source.path)))
        for reading, group in groupby(requests, key=attrgetter("reading")):
            yield from record_batches(reading, map(_event, group))


def _requests(readings: Sequence[Reading]) -> Iterator[Request]:
    joiner = _joiner(readings[0])
    for reading in readings:
        for item in json_items(reading, opened(reading)):
            for record in records_of(item):
                if text(record.value, "correlationId"):
                    yield from joiner.add(reading, record)
                else:
                    reading.reject(record.line, "no correlationId", record.raw)
    yield from joiner.rest()
    if joiner.alone:
        readings[0].tally.skipped["gateway record of no model request"] += joiner.alone


def _joiner(reading: Reading) -> Joiner:
    return Joiner(reading.options.limits, whole=reading.options.mapping is not None)


def _sample_rows(reading: Reading, head: bytes) -> list[Row]:
    joiner = _joiner(reading)
    records = [record for value in sample(head) for record in records_of(Item(0, b"", value))]
    requests = [request for record in records for request in joiner.add(reading, record)]
    return [_event(request) for request in (*requests, *joiner.rest())]


def _event(request: Request) -> Row:
    parts = sorted(request.parts, key=_sequence)
    gateway = request.gateway
    said = conversation(_joined(parts, "requestMessages"))
    answer = _joined(parts, "responseMessages")
    told = {
        name: next((found for part in parts if (found := field_of(part, name)) not in (None, "")), None)
        for name in ("modelName", "deploymentName", "promptTokens", "completionTokens",
                     "isStreamCompletion", "requestId", "operationName")
    }  # fmt: skip
    caller = (*(field_of(gateway, n) for n in BILLED), *(field_of(parts[0], n) for n in BILLED))
    values = {
        "event_id": text(parts[0], "correlationId"),
        "timestamp": field_of(gateway, "time") or _when(parts[0]) or _when(gateway),
        "account_id": next((each for each in caller if each), None),
        "model": told["deploymentName"] or told["modelName"],
        "prompt": said.prompt,
        "organization_id": field_of(gateway, "productId"),
        "end_user_id": field_of(gateway, "userId"),
        "turn": said.turn,
        "operation": "chat" if isinstance(said.turn, int) else None,
        "system_prompt": said.system_prompt,
        "response": _answer(answer),
        "input_tokens": told["promptTokens"],
        "output_tokens": told["completionTokens"],
        "stream": told["isStreamCompletion"],
        "finish_reason": _reason(answer),
        "client_ip": field_of(gateway, "callerIpAddress"),
        "channel": "azure",
    }
    record = {"llm": parts, "gateway": gateway, **{k: v for k, v in told.items() if v is not None}}
    return Row(request.first, values, record)


def _joined(parts: list[dict[str, Any]], name: str) -> Any:
    """Put the parts of a message list together again."""
    pieces = [piece for part in parts if (piece := field_of(part, name)) not in (None, "", [])]
    lists = [parsed(piece) for piece in pieces]
    if not all(isinstance(each, list) for each in lists):
        # cut in the middle of the JSON text: join first, then parse
        return (
            parsed("".join(piece for piece in pieces if isinstance(piece, str))) if pieces else None
        )
    messages: list[Any] = []
    for each in lists:
        goes_on = (
            messages and each and isinstance(each[0], dict) and isinstance(messages[-1], dict)
            and each[0].get("role") in (None, messages[-1].get("role"))
        )  # fmt: skip
        if goes_on:
            whole = text_of(messages[-1].get("content")) + text_of(each[0].get("content"))
            messages[-1] = {**messages[-1], **each[0], "role": messages[-1].get("role")}
            messages[-1]["content"] = whole
        messages.extend(each[1:] if goes_on else each)
    return messages


def _answer(messages: Any) -> str | None:
    if isinstance(messages, str):
        return messages
    return text_of(messages) if messages else None


def _reason(messages: Any) -> str | None:
    if not isinstance(messages, list):
        return None
    reasons = [each.get("finish_reason") for each in messages if isinstance(each, dict)]
    return next((finish_reason(each) for each in reversed(reasons) if each), None)


def _when(record: dict[str, Any]) -> Any:
    return field_of(record, "time") or field_of(record, "timeGenerated")


def _sequence(record: dict[str, Any]) -> int:
    number = field_of(record, "sequenceNumber")
    return number if isinstance(number, int) else 0
