"""What a gateway answered, counted in bounded memory."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Protocol

PLACES: Final = 4093
"""Decisions whose facts are at hand, and whose hits are counted. A prime: rows may lie in step."""


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
        self._held: list[int | str] = [""] * PLACES
        """Rows of the table; ids of what was hit in those before it."""
        self._numbers = [0] * PLACES

    def add(self, table: Naming, row: int) -> None:
        """One more."""
        if table is not self._table:
            self.turn(table)
        place = row % PLACES
        if self._held[place] == row:
            self._numbers[place] += 1
        elif self._numbers[place] <= 1:
            self._held[place], self._numbers[place] = row, 1
        else:
            self._numbers[place] -= 1

    def turn(self, table: Naming) -> None:
        """Rows are of another table from now on."""
        if table is not self._table:
            self._held = list(map(self._name, self._held))
            self._table = table

    def most(self) -> dict[str, int]:
        """Those hit most first."""
        numbers = Counter[str]()
        for one, number in zip(self._held, self._numbers, strict=True):
            if number:
                numbers[self._name(one)] += number
        return dict(numbers.most_common())

    def _name(self, one: int | str) -> str:
        return one if isinstance(one, str) else self._table.id(one)
