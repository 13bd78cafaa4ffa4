"""OpenTelemetry GenAI traces and events in OTLP/JSON, as the Collector's file exporter writes them.

One ``TracesData`` or ``LogsData`` object per line, or one document. Understood are the current
names (``gen_ai.input.messages``, ``gen_ai.provider.name``, the event
``gen_ai.client.inference.operation.details``) and the older ones still in use
(``gen_ai.system``, ``gen_ai.prompt``, ``gen_ai.prompt.0.content``,
``gen_ai.usage.prompt_tokens``, span events ``gen_ai.content.prompt`` and
``gen_ai.user.message``). Spans that are no inference are skipped and counted.

Account: ``enduser.id``, else ``user.id``; the conventions have no billed account, so a provider
who records one names it in a mapping (``account_id = "attributes.acme.account"`` or
``"resource.acme.tenant"``). Sources: OpenTelemetry, "Semantic conventions for generative client
AI spans" (1.37 and 1.36), "Semantic conventions for generative AI events", "OTLP Specification".
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

import pyarrow as pa

from stillwatch.logs.bodies import finish_reason
from stillwatch.logs.interface import Reading
from stillwatch.logs.lines import Item, json_items, keys_in, looks_like_json, opened, sample
from stillwatch.logs.messages import conversation, last_text, parsed, text_of
from stillwatch.logs.otlp import SpanRecord, flattened, span_records
from stillwatch.logs.otlpjoin import (
    CHOICE,
    DETAILS,
    MESSAGE_EVENTS,
    Found,
    SpanJoiner,
    has_content,
    is_message,
    with_details,
)
from stillwatch.logs.records import Row, check_sample, record_batches
from stillwatch.logs.schema import REQUIRED

_INFERENCE: Final = frozenset({"chat", "text_completion", "generate_content", "completion"})
_APART: Final = "message event apart from its span"
_CHANNELS: Final = {
    "aws.bedrock": "aws_bedrock",
    "azure.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "az.ai.openai": "azure",
    "az.ai.inference": "azure",
    "gcp.vertex_ai": "gcp_vertex",
    "vertex_ai": "gcp_vertex",
}
_FORMATS: Final = {"json": "json_object"}


@dataclass(frozen=True, slots=True)
class OtelFormat:
    """Reads OpenTelemetry GenAI spans and events."""

    name: str = "otel"

    def sniff(self, head: bytes, name: str) -> float:
        """Recognise the OTLP envelopes."""
        del name
        marks = ("resourceSpans", "resourceLogs", "resource_spans", "resource_logs")
        return 0.95 if looks_like_json(head) and keys_in(head, marks) else 0.0

    def check(self, reading: Reading, head: bytes) -> None:
        """Refuse traces without message content or without an account."""
        spans = [span for value in sample(head) for span in span_records(Item(0, b"", value))]
        joiner = SpanJoiner(reading.options.limits)
        found = [each for span in spans for each in joiner.add(Found(reading, with_details(span)))]
        rows = [_row(each.span) for each in (*found, *joiner.rest()) if _other(each.span) is None]
        check_sample(reading, rows, _elsewhere(spans))

    def batches(self, reading: Reading) -> Iterator[pa.RecordBatch]:
        """Yield canonical batches, one event per inference span."""
        return self.joined((reading,))

    def joined(self, readings: Sequence[Reading]) -> Iterator[pa.RecordBatch]:
        """Yield the same of several files, with the messages that log records tell."""
        depth = readings[0].options.limits.depth
        for reading, group in groupby(_requests(readings), key=attrgetter("reading")):
            yield from record_batches(reading, (_row(each.span, depth) for each in group))


def _elsewhere(spans: list[SpanRecord]) -> frozenset[str]:
    """Name the columns that records in another file may tell."""
    if any(is_message(span) or span.name == DETAILS for span in spans):
        return REQUIRED  # a span may tell who called
    return frozenset() if any(map(has_content, spans)) else frozenset({"prompt"})


def _requests(readings: Sequence[Reading]) -> Iterator[Found]:
    joiner = SpanJoiner(readings[0].options.limits)
    for reading in readings:
        for found in _relevant(reading):
            yield from joiner.add(found)
    yield from joiner.rest()
    if joiner.alone:
        readings[0].tally.skipped[_APART] += joiner.alone


def _relevant(reading: Reading) -> Iterator[Found]:
    """Yield inference spans and message log records; the others are skipped and counted."""
    for item in json_items(reading, opened(reading)):
        known = False
        for span in span_records(item, reading.options.limits.depth):
            known = True
            other = None if is_message(span) and span.id else _other(span)
            if other is None:
                yield Found(reading, with_details(span))
            else:
                reading.skip(other)
        if not known and not any(key.startswith("resource") for key in item.value):
            reading.reject(item.line, "not OTLP", item.raw)


def _other(span: SpanRecord) -> str | None:
    """Tell why a span is no request to a model; ``None`` if it is one."""
    if is_message(span):
        return _APART
    operation = _operation(span.attributes)
    if operation in _INFERENCE or span.name == DETAILS:
        return None
    if operation is not None:
        return f"operation {operation}"
    if any(key.startswith(("gen_ai.prompt", "gen_ai.input")) for key in span.attributes):
        return None
    return "span of no model request"


def _operation(attributes: dict[str, Any]) -> str | None:
    found = attributes.get("gen_ai.operation.name") or attributes.get("llm.request.type")
    return str(found) if found else None


def _row(span: SpanRecord, depth: int = 64) -> Row:
    have = span.attributes
    messages = _input(span)
    said = conversation(messages, depth)
    system = text_of(parsed(have.get("gen_ai.system_instructions")), depth)
    output, reason = _output(span)
    operation = _operation(have)
    provider = have.get("gen_ai.provider.name") or have.get("gen_ai.system")
    tools = parsed(have.get("gen_ai.tool.definitions"))
    values = {name: _attribute(have, names) for name, names in _NAMES.items()}
    if values["account_id"] is None:
        values["account_id"] = _attribute(span.record["resource"], _NAMES["account_id"])
    values.update(
        event_id=values["event_id"] or span.id,
        timestamp=span.time,
        prompt=said.prompt,
        turn=said.turn,
        system_prompt=system or said.system_prompt,
        operation="text_completion" if operation == "completion" else operation,
        response=last_text(output, depth),
        response_format=_FORMATS.get(str(values["response_format"]), values["response_format"]),
        tools=len(tools) if isinstance(tools, list) else _indexed(have, "llm.request.functions"),
        finish_reason=finish_reason(_one(values["finish_reason"])) or finish_reason(reason),
        channel=_CHANNELS.get(str(provider)),
    )
    return Row(span.item, values, span.record)


_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "event_id": ("gen_ai.response.id",),
    "account_id": ("enduser.id", "user.id", "traceloop.association.properties.user_id"),
    "model": ("gen_ai.request.model", "gen_ai.response.model"),
    "conversation_id": ("gen_ai.conversation.id", "session.id"),
    "input_tokens": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
    "output_tokens": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
    "max_tokens": ("gen_ai.request.max_tokens",),
    "temperature": ("gen_ai.request.temperature",),
    "top_p": ("gen_ai.request.top_p",),
    "choices": ("gen_ai.request.choice.count",),
    "stream": ("gen_ai.request.stream", "llm.is_streaming", "gen_ai.is_streaming"),
    "response_format": (
        "gen_ai.output.type",
        "gen_ai.openai.request.response_format",
        "gen_ai.request.response_format",
    ),
    "finish_reason": ("gen_ai.response.finish_reasons", "gen_ai.completion.0.finish_reason"),
    "client_ip": ("client.address", "http.client_ip", "net.peer.ip"),
    "user_agent": ("user_agent.original", "http.user_agent"),
}
"""Canonical column to attribute names, the current one first."""


def _attribute(attributes: dict[str, Any], names: Iterable[str]) -> Any:
    return next((attributes[name] for name in names if attributes.get(name) is not None), None)


def _input(span: SpanRecord) -> Any:
    """Return the messages sent, from the newest convention that was used."""
    have = span.attributes
    for name in ("gen_ai.input.messages", "gen_ai.prompt"):
        if have.get(name) is not None:
            return parsed(have[name])
    indexed = flattened(have, "gen_ai.prompt")
    if indexed:
        return indexed
    messages = []
    for event in span.events:
        if event.name == "gen_ai.content.prompt":
            return parsed(event.attributes.get("gen_ai.prompt"))
        role = MESSAGE_EVENTS.get(event.name)
        if role is not None:
            messages.append({"role": role, **event.attributes})
    return messages


def _output(span: SpanRecord) -> tuple[Any, Any]:
    """Return the answer and, where it stands with the answer, the finish reason."""
    have = span.attributes
    for name in ("gen_ai.output.messages", "gen_ai.completion"):
        if have.get(name) is not None:
            found = parsed(have[name])
            return found, _reason(found)
    indexed = flattened(have, "gen_ai.completion")
    if indexed:
        return indexed, _reason(indexed)
    for event in span.events:
        if event.name == "gen_ai.content.completion":
            found = parsed(event.attributes.get("gen_ai.completion"))
            return found, _reason(found)
        if event.name == CHOICE:
            message = parsed(event.attributes.get("message"))
            content = message if message is not None else event.attributes.get("content")
            return [content], event.attributes.get("finish_reason")
    return None, None


def _reason(messages: Any) -> Any:
    first = messages[0] if isinstance(messages, list) and messages else None
    return first.get("finish_reason") if isinstance(first, dict) else None


def _one(value: Any) -> Any:
    value = parsed(value)
    return value[0] if isinstance(value, list) and value else value


def _indexed(attributes: dict[str, Any], prefix: str) -> int | None:
    return len(flattened(attributes, prefix)) or None
