"""Azure API Management language-model logs: ``GatewayLlmLogs`` diagnostic records.

As delivered to storage or an event hub (``{"records": [...]}`` or one record per line, fields in
``properties``) and as exported from the ``ApiManagementGatewayLlmLog`` table of Log Analytics
(``PascalCase`` at the top). One request is several records with one ``correlationId``:
``sequenceNumber`` 0 has the model and the token counts, the others parts of the messages, which
are put in order and joined. A message that goes on in the next record goes on with the same role.

Account: the caller's subscription (``apimSubscriptionId``), else product or user. These stand in
the ``GatewayLogs`` records of the same ``correlationId``, so export both categories to one place;
the caller's address comes from there too. Sources: Microsoft Learn, "Log token usage, prompts,
and completions for LLM APIs"; Azure Monitor reference, "ApiManagementGatewayLlmLog" and
"ApiManagementGatewayLogs".
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa

from stillwatch.logs.bodies import finish_reason
from stillwatch.logs.interface import Reading
from stillwatch.logs.lines import Item, json_items, looks_like_json, opened, sample
from stillwatch.logs.messages import conversation, parsed, text_of
from stillwatch.logs.records import Row, check_sample, record_batches

_MARKS: Final = (b"GatewayLlmLog", b'"requestMessages"', b'"RequestMessages"')
_BILLED: Final = ("apimSubscriptionId", "subscriptionId", "productId", "userId")


@dataclass(frozen=True, slots=True)
class AzureFormat:
    """Reads the language-model logs of Azure API Management."""

    name: str = "azure"

    def sniff(self, head: bytes, name: str) -> float:
        """Recognise the category, the table or the message fields."""
        del name
        return 0.95 if looks_like_json(head) and any(mark in head for mark in _MARKS) else 0.0

    def check(self, reading: Reading, head: bytes) -> None:
        """Refuse logs without messages or without the gateway records that name the caller."""
        joiner = _Joiner(reading.options.limits.pending_events)
        items = [record for value in sample(head) for record in _records(Item(0, b"", value))]
        rows = [row for item in items for row in joiner.add(item)]
        check_sample(reading, [*rows, *joiner.rest()])

    def batches(self, reading: Reading) -> Iterator[pa.RecordBatch]:
        """Yield canonical batches, one event per ``correlationId``."""
        return record_batches(reading, _rows(reading))


def _rows(reading: Reading) -> Iterator[Row]:
    joiner = _Joiner(reading.options.limits.pending_events)
    for item in json_items(reading, opened(reading)):
        for record in _records(item):
            if not _text(record.value, "correlationId"):
                reading.reject(record.line, "no correlationId", record.raw)
            else:
                yield from joiner.add(record)
    yield from joiner.rest()
    if joiner.alone:
        reading.tally.skipped["gateway record of no model request"] += joiner.alone


def _records(item: Item) -> Iterable[Item]:
    """Unwrap a batch of an event hub."""
    inner = item.value.get("records")
    if not isinstance(inner, list):
        return (item,)
    return (Item(item.line, item.raw, each) for each in inner if isinstance(each, dict))


@dataclass(slots=True)
class _Pending:
    """The records of one request so far."""

    first: Item
    """The first of them."""
    llm: list[dict[str, Any]] = field(default_factory=list)
    """Language-model records."""
    gateway: dict[str, Any] = field(default_factory=dict)
    """The gateway's record."""


class _Joiner:
    """Gathers records by ``correlationId``; the oldest leave when too many are open."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: dict[str, _Pending] = {}
        self.alone = 0

    def add(self, item: Item) -> Iterator[Row]:
        key = _text(item.value, "correlationId")
        pending = self._open.setdefault(key, _Pending(item))
        if _is_llm(item.value):
            pending.llm.append(item.value)
        else:
            pending.gateway = item.value
        if len(self._open) > self._most:
            yield from self._row(self._open.pop(next(iter(self._open))))

    def rest(self) -> Iterator[Row]:
        while self._open:
            yield from self._row(self._open.pop(next(iter(self._open))))

    def _row(self, pending: _Pending) -> Iterator[Row]:
        if pending.llm:
            yield _event(pending)
        else:
            self.alone += 1


def _event(pending: _Pending) -> Row:
    parts = sorted(pending.llm, key=_sequence)
    gateway = pending.gateway
    said = conversation(_joined(parts, "requestMessages"))
    answer = _joined(parts, "responseMessages")
    told = {
        name: next((found for part in parts if (found := _field(part, name)) not in (None, "")), None)
        for name in ("modelName", "deploymentName", "promptTokens", "completionTokens",
                     "isStreamCompletion", "requestId", "operationName")
    }  # fmt: skip
    caller = (*(_field(gateway, n) for n in _BILLED), *(_field(parts[0], n) for n in _BILLED))
    values = {
        "event_id": _text(parts[0], "correlationId"),
        "timestamp": _field(gateway, "time") or _when(parts[0]) or _when(gateway),
        "account_id": next((each for each in caller if each), None),
        "model": told["deploymentName"] or told["modelName"],
        "prompt": said.prompt,
        "organization_id": _field(gateway, "productId"),
        "end_user_id": _field(gateway, "userId"),
        "turn": said.turn,
        "operation": "chat" if isinstance(said.turn, int) else None,
        "system_prompt": said.system_prompt,
        "response": _answer(answer),
        "input_tokens": told["promptTokens"],
        "output_tokens": told["completionTokens"],
        "stream": told["isStreamCompletion"],
        "finish_reason": _reason(answer),
        "client_ip": _field(gateway, "callerIpAddress"),
        "channel": "azure",
    }
    record = {"llm": parts, "gateway": gateway, **{k: v for k, v in told.items() if v is not None}}
    return Row(pending.first, values, record)


def _joined(parts: list[dict[str, Any]], name: str) -> Any:
    """Put the parts of a message list together again."""
    pieces = [piece for part in parts if (piece := _field(part, name)) not in (None, "", [])]
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


def _is_llm(record: dict[str, Any]) -> bool:
    kind = f"{record.get('category', '')} {record.get('Type', '')} {record.get('Category', '')}"
    if "Gateway" in kind:
        return "LlmLog" in kind
    return _field(record, "sequenceNumber") is not None or _field(record, "modelName") is not None


def _field(record: dict[str, Any], name: str) -> Any:
    """Return a field of the record or its ``properties``, in either spelling."""
    properties = parsed(record.get("properties"))
    places = (properties, record) if isinstance(properties, dict) else (record,)
    for place in places:
        for spelled in (name, name[0].upper() + name[1:]):
            if place.get(spelled) is not None:
                return place[spelled]
    return None


def _text(record: dict[str, Any], name: str) -> str:
    found = _field(record, name)
    return found if isinstance(found, str) else ""


def _when(record: dict[str, Any]) -> Any:
    return _field(record, "time") or _field(record, "timeGenerated")


def _sequence(record: dict[str, Any]) -> int:
    number = _field(record, "sequenceNumber")
    return number if isinstance(number, int) else 0
