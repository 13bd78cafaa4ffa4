"""Records of one request, wherever Azure wrote them: gathered by ``correlationId``.

A diagnostic setting writes the two categories to folders of their own, one file per hour. Rules:
files of one hour are read side by side, the gateway's first, so that little has to be held; what
a gateway record says is kept, not the record; the oldest requests leave when too many are open.

>>> sorted(["insights-logs-gatewayllmlogs/h=09", "insights-logs-gatewaylogs/h=09"], key=by_hour)[0]
'insights-logs-gatewaylogs/h=09'
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from stillwatch.logs import lenient
from stillwatch.logs.interface import Reading
from stillwatch.logs.limits import Limits
from stillwatch.logs.lines import Item
from stillwatch.logs.messages import parsed

BILLED: Final = ("apimSubscriptionId", "subscriptionId", "productId", "userId")
_TOLD: Final = (*BILLED, "time", "timeGenerated", "callerIpAddress")
"""What is kept of a gateway record."""


@dataclass(slots=True)
class Request:
    """The records of one request."""

    reading: Reading
    """The file of the first of its records."""
    first: Item
    """The first of them."""
    parts: list[dict[str, Any]] = field(default_factory=list)
    """Language-model records, as they came."""
    gateway: dict[str, Any] = field(default_factory=dict)
    """What the gateway's record says, empty if it was not seen."""
    bytes: int = 0
    """Size of the parts as written."""


class Joiner:
    """Gathers records by ``correlationId``."""

    def __init__(self, limits: Limits, *, whole: bool = False) -> None:
        self._limits = limits
        self._whole = whole
        """A mapping may look anywhere, so it needs the gateway's record as it is."""
        self._open: dict[str, Request] = {}
        self._bytes = 0
        self._gateways: dict[str, dict[str, Any]] = {}
        self.alone = 0
        """Gateway records of no model request, so far."""

    def add(self, reading: Reading, item: Item) -> Iterator[Request]:
        """Take a record; yields requests that have to leave."""
        key = text(item.value, "correlationId")
        if not is_llm(item.value):
            self._gateways[key] = item.value if self._whole else self._kept(item.value)
            if len(self._gateways) > self._limits.pending_gateways:
                self._gateways.pop(next(iter(self._gateways)))
                self.alone += 1
            return
        request = self._open.setdefault(key, Request(reading, item))
        request.parts.append(item.value)
        size = len(item.raw) or 1
        request.bytes += size
        self._bytes += size
        while len(self._open) > self._limits.pending_events or (
            self._bytes > self._limits.pending_bytes and len(self._open) > 1
        ):
            yield self._leaving()

    def rest(self) -> Iterator[Request]:
        """Yield what is still open; afterwards only gateway records without a request are left."""
        while self._open:
            yield self._leaving()
        self.alone += len(self._gateways)
        self._gateways = {}

    def _leaving(self) -> Request:
        key = next(iter(self._open))
        request = self._open.pop(key)
        self._bytes -= request.bytes
        request.gateway = self._gateways.pop(key, {})
        return request

    def _kept(self, record: dict[str, Any]) -> dict[str, Any]:
        most = self._limits.field_bytes
        found = ((name, field_of(record, name)) for name in _TOLD)
        return {name: each for name, each in found if each and len(str(each)) <= most}


def by_hour(path: str) -> tuple[str, bool]:
    """Return a key that puts files of one hour together, the gateway's first."""
    lower = path.lower()
    return re.sub(r"gateway(llm)?logs?", "", lower), re.search("gatewayllmlog", lower) is not None


def records_of(item: Item) -> Iterable[Item]:
    """Unwrap a batch of an event hub; what is no record in it comes as an empty one."""
    inner = item.value.get("records")
    if not isinstance(inner, list):
        return (item,)
    return (
        Item(item.line, lenient.dumps(each), each if isinstance(each, dict) else {})
        for each in inner
    )


def is_llm(record: dict[str, Any]) -> bool:
    """Tell a language-model record from a gateway record."""
    kind = f"{record.get('category', '')} {record.get('Type', '')} {record.get('Category', '')}"
    if "Gateway" in kind:
        return "LlmLog" in kind
    return (
        field_of(record, "sequenceNumber") is not None or field_of(record, "modelName") is not None
    )


def field_of(record: dict[str, Any], name: str) -> Any:
    """Return a field of the record or its ``properties``, in either spelling."""
    properties = parsed(record.get("properties"))
    places = (properties, record) if isinstance(properties, dict) else (record,)
    for place in places:
        for spelled in (name, name[0].upper() + name[1:]):
            if place.get(spelled) is not None:
                return place[spelled]
    return None


def text(record: dict[str, Any], name: str) -> str:
    """Return a field if it is a text, else nothing."""
    found = field_of(record, name)
    return found if isinstance(found, str) else ""
