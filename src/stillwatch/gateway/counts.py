"""What a gateway answered, counted in bounded memory."""

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Protocol

PLACES: Final = 4093
"""Decisions whose facts are at hand, and whose hits are counted. A prime: rows may lie in step."""
_NONE: Final = -1


class Naming(Protocol):
    """A table, by which rows have ids."""

    def id(self, row: int) -> str:
        """Of a row's decision."""


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

    Each decision has one of 4,093 places by its row. One that finds its place taken lowers the
    other's number and takes the place at 0 (the majority vote of Boyer and Moore, place by place):
    those hit most stay, and a number says "at least". Rows are named when somebody looks, or when
    another table takes the place of theirs.
    """

    def __init__(self, table: Naming) -> None:
        self._table = table
        self._rows = array("q", [_NONE]) * PLACES
        self._numbers = array("q", [0]) * PLACES
        self._before: dict[int, str] = {}
        """By place: id of what was hit in a table before this one."""

    def add(self, table: Naming, row: int) -> None:
        """One more."""
        if table is not self._table:
            self.turn(table)
        place = row % PLACES
        if self._rows[place] == row:
            self._numbers[place] += 1
        elif self._numbers[place] <= 1:
            self._rows[place], self._numbers[place] = row, 1
            if self._before:
                self._before.pop(place, None)
        else:
            self._numbers[place] -= 1

    def turn(self, table: Naming) -> None:
        """Rows are of another table from now on."""
        if table is not self._table:
            for place, row in enumerate(self._rows):
                if row != _NONE:
                    self._before[place], self._rows[place] = self._table.id(row), _NONE
            self._table = table

    def most(self) -> dict[str, int]:
        """Those hit most first."""
        numbers = Counter[str]()
        for place, (row, number) in enumerate(zip(self._rows, self._numbers, strict=True)):
            if number:
                numbers[self._before[place] if row == _NONE else self._table.id(row)] += number
        return dict(numbers.most_common())
