"""OTLP/JSON envelopes to flat spans.

Values are ``AnyValue`` objects (``{"stringValue": "x"}``, 64-bit integers as text); spans and log
records sit three levels deep under their resource. Field names may be lowerCamelCase, as the
specification has them, or the snake_case of other writers. Source: OpenTelemetry,
"OTLP Specification", JSON Protobuf encoding.

>>> plain_value({"arrayValue": {"values": [{"intValue": "3"}]}})
[3]
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from stillwatch.logs.lines import Item

_SCALARS: Final = ("stringValue", "boolValue", "doubleValue", "bytesValue")


class SpanEvent(NamedTuple):
    """One event of a span."""

    name: str
    attributes: dict[str, Any]


class SpanRecord(NamedTuple):
    """A span or a log record, with what a mapping may look into."""

    item: Item
    name: str
    id: str | None
    """``trace id:span id``."""
    time: int | None
    """Start in nanoseconds."""
    attributes: dict[str, Any]
    events: list[SpanEvent]
    record: dict[str, Any]
    """``attributes``, ``resource``, ``scope``, ``name``, ``traceId``, ``spanId``."""


def span_records(item: Item, depth: int = 64) -> Iterator[SpanRecord]:
    """Yield the spans and log records of one OTLP document."""
    for outer, middle, inner in _LEVELS:
        for resource in _dicts(item.value, outer):
            about = attributes_of(resource.get("resource"), depth)
            for scope in _dicts(resource, middle):
                for span in _dicts(scope, inner):
                    yield _span(item, span, about, depth)


_LEVELS: Final = (
    ("resourceSpans", "scopeSpans", "spans"),
    ("resourceLogs", "scopeLogs", "logRecords"),
)


def attributes_of(holder: Any, depth: int) -> dict[str, Any]:
    """Return the attributes of a span, event or resource as a plain mapping."""
    listed = holder.get("attributes") if isinstance(holder, dict) else None
    if isinstance(listed, dict):  # some exporters write a mapping already
        return listed
    return {
        pair["key"]: plain_value(pair.get("value"), depth)
        for pair in _listed(listed)
        if isinstance(pair, dict) and isinstance(pair.get("key"), str)
    }


def plain_value(value: Any, depth: int = 64) -> Any:
    """Return an ``AnyValue`` as the value it stands for; beyond ``depth`` nothing."""
    if not isinstance(value, dict) or depth <= 0:
        return None if isinstance(value, dict) else value
    for kind in _SCALARS:
        if kind in value:
            return value[kind]
    if "intValue" in value:
        whole = value["intValue"]
        return int(whole) if isinstance(whole, str) and whole.lstrip("-").isdecimal() else whole
    if isinstance(value.get("arrayValue"), dict):
        return [plain_value(each, depth - 1) for each in _listed(value["arrayValue"].get("values"))]
    if isinstance(value.get("kvlistValue"), dict):
        pairs = _listed(value["kvlistValue"].get("values"))
        return {
            str(pair.get("key")): plain_value(pair.get("value"), depth - 1)
            for pair in pairs
            if isinstance(pair, dict)
        }
    return None


def flattened(attributes: dict[str, Any], prefix: str) -> list[dict[str, Any]]:
    """Gather ``prefix.0.content``, ``prefix.0.role`` ... into a list of mappings."""
    found: dict[int, dict[str, Any]] = {}
    for key, value in attributes.items():
        if key.startswith(prefix + "."):
            index, _, name = key[len(prefix) + 1 :].partition(".")
            if index.isdecimal() and name:
                found.setdefault(int(index), {})[name] = value
    return [found[index] for index in sorted(found)]


def _span(item: Item, span: dict[str, Any], resource: dict[str, Any], depth: int) -> SpanRecord:
    attributes = attributes_of(span, depth)
    body = plain_value(span.get("body"), depth)
    if isinstance(body, dict):  # events may carry the messages in their body
        attributes = {**body, **attributes}
    name = span.get("name") or span.get("eventName") or attributes.get("event.name") or ""
    events = [
        SpanEvent(str(event.get("name", "")), attributes_of(event, depth))
        for event in _dicts(span, "events")
    ]
    trace, span_id = _either(span, "traceId"), _either(span, "spanId")
    record = {
        "attributes": attributes,
        "resource": resource,
        "name": name,
        "traceId": trace,
        "spanId": span_id,
    }
    both = f"{trace}:{span_id}" if trace and span_id else None
    return SpanRecord(item, str(name), both, _time(span), attributes, events, record)


def _time(span: dict[str, Any]) -> Any:
    for name in ("startTimeUnixNano", "timeUnixNano", "observedTimeUnixNano"):
        found = _either(span, name)
        if found not in (None, "", 0, "0"):
            return int(found) if isinstance(found, str) and found.isdecimal() else found
    return None


def _either(holder: dict[str, Any], name: str) -> Any:
    """Return a field in lowerCamelCase or snake_case."""
    if name in holder:
        return holder[name]
    return holder.get("".join(f"_{c.lower()}" if c.isupper() else c for c in name))


def _dicts(holder: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [each for each in _listed(_either(holder, name)) if isinstance(each, dict)]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
