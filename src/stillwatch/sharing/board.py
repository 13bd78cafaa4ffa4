"""Every claim that was received here, with what it counts and why."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from stillwatch.intel.exports.items import Item
from stillwatch.intel.objects import parse_time
from stillwatch.sharing.weight import Said, Weight, expired, weigh
from stillwatch.store import inbox
from stillwatch.store.inbox import Apart, Received


@dataclass(frozen=True, slots=True)
class Entry:
    """One received object."""

    received: Received
    state: str
    weight: Weight
    confirmed: int
    disputed: int
    refuted: int

    def item(self) -> Item:
        """As exports take it."""
        return Item(self.received.body, self.state, self.weight.value)

    def record(self) -> dict[str, Any]:
        """As JSON and tables show it."""
        obj = self.received.body
        return {
            "id": self.received.stix_id,
            "kind": self.received.kind,
            "name": obj.get("name"),
            "publisher": self.received.publisher,
            "modified": self.received.modified,
            "state": self.state,
            "weight": self.weight.value,
            "why": list(self.weight.why),
            "signed": self.received.signed,
            "confirmed": self.confirmed,
            "disputed": self.disputed,
            "refuted": self.refuted,
            "leaf": self.received.index if self.received.signed else None,
        }


def board(
    connection: Connection, stix_id: str | None = None, at: datetime | None = None
) -> list[Entry]:
    """Received objects, newest versions, in the order of the log."""
    standings, now = inbox.standings(connection), at or datetime.now(UTC)
    later = _later(connection)
    return [
        _entry(one, standings.get((one.hub, one.stix_id), {}), later(one), now)
        for one in inbox.newest(connection, stix_id)
    ]


def _later(connection: Connection) -> Callable[[Received], str]:
    """What newer versions that are kept apart do to a claim: they are not believed, yet they count.

    A publisher that takes its claim back does so in whatever form; one that says something else
    no longer stands by what it said before.
    """
    found: dict[tuple[str, str], list[Apart]] = {}
    for one in inbox.set_apart(connection):
        found.setdefault((one.hub, one.stix_id), []).append(one)

    def state(of: Received) -> str:
        newer = [
            one
            for one in found.get((of.hub, of.stix_id), ())
            if _instant(one.modified) > _instant(of.modified)
        ]
        if any(one.revoked for one in newer):
            return "revoked"
        return "replaced" if newer else ""

    return state


def _instant(modified: str) -> int:
    return parse_time(modified) or 0


def _entry(received: Received, said: Mapping[str, Any], later: str, at: datetime) -> Entry:
    obj = received.body
    state = str(said.get("state", "current"))
    if received.signed and expired(obj, at):
        state = "expired"
    state = later or state
    if obj.get("revoked") is True:
        state = "revoked"
    confirmed, disputed, refuted = (_count(said, n) for n in ("confirm", "dispute", "refute"))
    confidence = obj.get("confidence")
    sure = confidence if isinstance(confidence, int) and 0 <= confidence <= 100 else 0
    known = Said(sure, confirmed, disputed, refuted, state, received.signed)
    return Entry(received, state, weigh(known), confirmed, disputed, refuted)


def _count(said: Mapping[str, Any], name: str) -> int:
    """A figure of the hub's; anything but a small count is none."""
    value = said.get(name)
    return value if isinstance(value, int) and 0 <= value < 10_000 else 0
