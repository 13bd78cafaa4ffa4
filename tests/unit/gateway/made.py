"""Decisions for tests of the gateway."""

import uuid
from typing import Any

from stillwatch.gateway.clock import Clock
from stillwatch.gateway.knowledge import Knowledge

START = 1_790_000_000


def id_of(number: int) -> str:
    """The same id for the same number."""
    return f"decision--{uuid.uuid5(uuid.NAMESPACE_OID, str(number))}"


def record(number: int = 1, **said: Any) -> dict[str, Any]:
    """A decision as JSON shows it."""
    made = {
        "id": id_of(number),
        "effect": "block",
        "scope": "account",
        "value": f"account-{number}",
        "reason": f"reason {number}",
        "evidence": [f"finding:run/{number}"],
        "origin": "policy:standard",
        "made": START - 10,
        "until": START + 1000,
    } | said
    if made["effect"] == "throttle":
        made.setdefault("rate", {"per_minute": 60})
    return made


class Hands:
    """Clocks that stand still until they are moved."""

    def __init__(self, wall: float = float(START)) -> None:
        self.wall, self.steady = wall, 100.0

    def run(self, seconds: float) -> None:
        """Both go on."""
        self.wall += seconds
        self.steady += seconds

    def clock(self, **settings: float) -> Clock:
        """A clock by these hands."""
        return Clock(lambda: self.wall, lambda: self.steady, **settings)


def knowing(*records: dict[str, Any], hands: Hands | None = None) -> Knowledge:
    """Knowledge of decisions."""
    knowledge = Knowledge((hands or Hands()).clock())
    for one in records:
        knowledge.table.put(one)
    knowledge.swap(knowledge.table, 1)
    return knowledge
