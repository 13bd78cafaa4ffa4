"""What a gateway answered, counted in bounded memory."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

PLACES: Final = 4096
"""Decisions whose facts are at hand, and whose hits are counted; a power of two."""
_SPREAD: Final = 2_654_435_761
"""Rows that are hit often may lie in step (Knuth, vol. 3, 6.4)."""


def place_of(row: int) -> int:
    """The place of a row of the table among ``PLACES``."""
    return (row * _SPREAD >> 16) & (PLACES - 1)


@dataclass
class Counts:
    """What was answered since the start. Whole numbers of requests."""

    decided: int = 0
    plain: int = 0
    """Passed with nothing to say about them."""
    effects: Counter[str] = field(default_factory=Counter)
    """By effect of the answer, where a decision says it."""
    throttled: int = 0
    """Of those with ``throttle``: beyond the rate."""
    shadow: Counter[str] = field(default_factory=Counter)
    """By what would have happened."""
    failed_open: Counter[str] = field(default_factory=Counter)
    """By scope: unknown, passed."""
    failed_closed: Counter[str] = field(default_factory=Counter)
    """By scope: unknown, refused."""
    held_back: int = 0
    hits: dict[str, int] = field(default_factory=dict)
    """By decision, shadow ones too, those hit most first; see ``Hits``."""


class Hits:
    """How often decisions were hit, in bounded memory and time.

    Each decision has one of 4,096 places by its row. One that finds its place taken lowers the
    other's number and takes the place at 0 (the majority vote of Boyer and Moore, place by place):
    those hit most stay, and a number says "at least".
    """

    def __init__(self) -> None:
        self._ids: list[str] = [""] * PLACES
        self._numbers = [0] * PLACES

    def add(self, id_: str, row: int) -> None:
        """One more."""
        place = place_of(row)
        if self._ids[place] == id_:
            self._numbers[place] += 1
        elif self._numbers[place] <= 1:
            self._ids[place], self._numbers[place] = id_, 1
        else:
            self._numbers[place] -= 1

    def most(self) -> dict[str, int]:
        """Those hit most first."""
        both = [one for one in zip(self._ids, self._numbers, strict=True) if one[1]]
        return dict(sorted(both, key=lambda one: -one[1]))
