"""The second guard on the blast radius: what share of the traffic fresh decisions refuse.

A policy that runs wild is stopped before it writes by its own guards; should they have been set
wrongly, this one sees what really happens to requests.

Rules
    * Counted is what policies decided within the last hour; what a person decided is not held.
    * Who is refused weighs as much as passed from it in the window before: one that is blocked and
      hammers on cannot open the gate by its hammering, and cutting off a large customer shows.
    * Requesters are told apart by a hash into 65,536 counters, so memory and cost stay the same.
    * A window lasts five minutes, longer where it holds fewer than a thousand requests, an hour at
      most; the last two windows count.
"""

from array import array
from dataclasses import dataclass
from typing import Final

SLOTS: Final = 65_536
MASK: Final = SLOTS - 1
_NEAR: Final = 0.999
"""Of the bound: well below it nothing has to be judged."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """When fresh decisions are held back."""

    share: float = 0.05
    """Of the traffic, 0-1."""
    least: int = 1000
    """Requests below which no share is judged."""
    window_s: float = 300.0
    longest_s: float = 3600.0
    fresh_s: float = 3600.0
    """A decision is fresh so long after it was made."""


class Breaker:
    """Not safe across threads: its user holds a lock."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        self.bounds = bounds or Bounds()
        self.passed = _zeros()
        """By hash of the requester; the user counts here itself."""
        self.total = 0
        """Requests in the window; likewise."""
        self.tripped = False
        self.trips = 0
        self._passed_before = _zeros()
        self._total_before = 0
        self._refused = _zeros()
        """Weight of whoever was refused; 0 of the others."""
        self._refused_before = _zeros()
        self._weight = 0
        self._began: float | None = None
        self._accepted_until = 0.0

    def tick(self, steady: float) -> None:
        """Let time pass: seconds of a steady clock."""
        if self._began is None:
            self._began = steady
        lasted = steady - self._began
        if lasted >= self.bounds.longest_s or (
            lasted >= self.bounds.window_s and self.total >= self.bounds.least
        ):
            self._turn(steady)
        self._judge(steady)

    def refuse(self, requester: int, steady: float) -> bool:
        """A fresh decision would refuse a requester (its hash): whether that is to be held back."""
        slot = requester & MASK
        if not self._refused[slot]:
            weight = 1 + self.passed[slot] + self._passed_before[slot]
            self._weight += weight - self._refused_before[slot]
            self._refused[slot], self._refused_before[slot] = weight, 0
        if not self.tripped:
            bounds, total = self.bounds, self.total + self._total_before
            if total >= bounds.least and self._weight > _NEAR * bounds.share * total:
                self._judge(steady)
        if self.tripped:
            self._refused[slot] += 1
            self._weight += 1
            self.passed[slot] += 1
        return self.tripped

    def accept(self, steady: float, for_s: float) -> None:
        """A person has looked and bears it: nothing is held back for a time."""
        self._accepted_until = steady + for_s
        self._judge(steady)

    def share(self) -> float:
        """What share of the traffic fresh decisions refuse, 0-1."""
        total = self.total + self._total_before
        return min(1.0, self._weight / total) if total else 0.0

    def _judge(self, steady: float) -> None:
        enough = self.total + self._total_before >= self.bounds.least
        over = enough and self.share() > self.bounds.share and steady >= self._accepted_until
        self.trips += over and not self.tripped
        self.tripped = over

    def _turn(self, steady: float) -> None:
        self._began = steady
        self._passed_before, self.passed = self.passed, _zeros()
        self._total_before, self.total = self.total, 0
        self._refused_before, self._refused = self._refused, _zeros()
        self._weight = sum(self._refused_before)


def _zeros() -> "array[int]":
    return array("I", [0]) * SLOTS
