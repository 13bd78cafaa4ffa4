"""Spans and the log records that carry their messages, brought together.

Instrumentations of the older conventions write every message as a log record of its own, the
current ones all messages as one (``gen_ai.client.inference.operation.details``); both name trace
and span. Rules: log records wait for their span, a span without messages for its log records; a
record of all messages whose span never comes is a request by itself; the oldest leave when too
many wait.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from stillwatch.logs.interface import Reading
from stillwatch.logs.limits import Limits
from stillwatch.logs.otlp import SpanEvent, SpanRecord

DETAILS: Final = "gen_ai.client.inference.operation.details"
MESSAGE_EVENTS: Final = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
CHOICE: Final = "gen_ai.choice"
_CONTENT: Final = ("gen_ai.input.messages", "gen_ai.prompt", "gen_ai.prompt.0.content")
_CONTENT_EVENTS: Final = frozenset({*MESSAGE_EVENTS, DETAILS, "gen_ai.content.prompt"})


class Found(NamedTuple):
    """A span or log record and the file that it stood in."""

    reading: Reading
    span: SpanRecord


class SpanJoiner:
    """Gathers by trace and span id."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._waiting: dict[str, list[Found]] = {}
        self._count = self._bytes = 0
        self.alone = 0
        """Log records of single messages whose span never came, so far."""

    def add(self, found: Found) -> Iterator[Found]:
        """Take a span or log record; yields requests that are whole or have to leave."""
        span = found.span
        key = span.id
        whole = not is_message(span) and span.name != DETAILS and has_content(span)
        if key is None or (whole and key not in self._waiting):
            yield found
            return
        self._waiting.setdefault(key, []).append(found)
        self._count += 1
        self._bytes += _size(span)
        while self._count > self._limits.pending_events or (
            self._bytes > self._limits.pending_bytes and len(self._waiting) > 1
        ):
            yield from self._leaving()

    def rest(self) -> Iterator[Found]:
        """Yield what is still waiting."""
        while self._waiting:
            yield from self._leaving()

    def _leaving(self) -> Iterator[Found]:
        found = self._waiting.pop(next(iter(self._waiting)))
        self._count -= len(found)
        self._bytes -= sum(_size(each.span) for each in found)
        messages = [each.span for each in found if is_message(each.span)]
        details = [each for each in found if each.span.name == DETAILS]
        spans = [each for each in found if each not in details and not is_message(each.span)]
        if not spans and not details:
            self.alone += len(messages)
        for each in spans or details:
            yield Found(each.reading, _joined(each.span, details, messages))


def is_message(span: SpanRecord) -> bool:
    """Tell the log record of a single message."""
    return span.name in MESSAGE_EVENTS or span.name == CHOICE


def has_content(span: SpanRecord) -> bool:
    """Tell whether the span itself says what was asked."""
    told = any(event.name in _CONTENT_EVENTS for event in span.events)
    return told or any(name in span.attributes for name in _CONTENT)


def with_details(span: SpanRecord) -> SpanRecord:
    """Take over the attributes of a span event that tells all messages."""
    told = [event.attributes for event in span.events if event.name == DETAILS]
    if not told:
        return span
    return span._replace(attributes={**told[0], **span.attributes})


def _size(span: SpanRecord) -> int:
    return sum(len(value) for value in span.attributes.values() if isinstance(value, str))


def _joined(span: SpanRecord, details: list[Found], messages: list[SpanRecord]) -> SpanRecord:
    attributes = dict(span.attributes)
    for each in details:
        attributes = {**each.span.attributes, **attributes}
    events = [SpanEvent(each.name, each.attributes) for each in messages]
    return span._replace(attributes=attributes, events=[*span.events, *events])
