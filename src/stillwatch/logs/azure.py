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

import re
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
from stillwatch.logs.lines import Item, json_items, keys_in, looks_like_json, opened, sample
from stillwatch.logs.messages import conversation, parsed, text_of
from stillwatch.logs.records import Row, check_sample, record_batches
from stillwatch.logs.schema import REQUIRED

_CATEGORY: Final = re.compile(
    rb'"(?:[cC]ategory|Type)"\s*:\s*"(?:ApiManagement)?Gateway(?:Llm)?Logs?"'
)
_KEYS: Final = (
    "requestMessages",
    "RequestMessages",
    "apimSubscriptionId",
    "ApimSubscriptionId",
)
_ENOUGH: Final = 10
"""So many requests must lack a prompt before a log is refused unread."""


@dataclass(frozen=True, slots=True)
class AzureFormat:
    """Reads the language-model logs of Azure API Management."""

    name: str = "azure"

    def sniff(self, head: bytes, name: str) -> float:
        """Recognise the categories, the tables or the message fields."""
        del name
        known = _CATEGORY.search(head) is not None or keys_in(head, _KEYS) > 0
        return 0.95 if looks_like_json(head) and known else 0.0

    def check(self, reading: Reading, head: bytes) -> None:
        """Refuse logs without messages; who called may stand in another file."""
        rows = _sample_rows(reading, head)
        # of few requests the beginning may not hold all parts
        elsewhere = frozenset({"account_id"}) if len(rows) >= _ENOUGH else REQUIRED
        check_sample(reading, rows, elsewhere)

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
        return _whole("".join(piece for piece in pieces if isinstance(piece, str)))
    messages: list[Any] = []
    for each in lists:
        for number, message in enumerate(each):
            if messages and _goes_on(messages[-1], message, first=not number):
                messages[-1] = _continued(messages[-1], message)
            else:
                messages.append(message)
    return messages


def _whole(text: str) -> Any:
    """Parse a message list; one that is cut off (above 2 MB) keeps what it has, plain text stays."""
    if not text or text.lstrip()[:1] not in ("[", "{"):
        return text or None
    candidates = (parsed(text.rstrip("\\") + ending) for ending in ("", '"}]', "}]", "]", '"}]}]'))
    return next((each for each in candidates if not isinstance(each, str)), None)


def _goes_on(before: Any, message: Any, *, first: bool) -> bool:
    """Tell a part of a message: one without a role, or with the same one in the next record."""
    if not isinstance(before, dict) or not isinstance(message, dict):
        return False
    role = message.get("role")
    return role is None or (first and role == before.get("role"))


def _continued(before: dict[str, Any], message: dict[str, Any]) -> dict[str, Any]:
    whole = text_of(before.get("content")) + text_of(message.get("content"))
    return {**before, **message, "role": before.get("role"), "content": whole}


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
    return int(number) if isinstance(number, int) or str(number).isdecimal() else 0
