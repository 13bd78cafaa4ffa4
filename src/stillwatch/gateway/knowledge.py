"""What a gateway knows: a table, its place in the stream, how old it is, and what came last.

Rules: one thread tells it; any may look. Changes are applied in the order of the stream, and the
number is raised after them: who asks for what came since never misses one. A table that was built
anew takes the place of the old one as a whole.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from threading import Condition
from typing import Any, Final, NamedTuple

from stillwatch.errors import InputError
from stillwatch.gateway.clock import Clock
from stillwatch.gateway.table import Table

MOST_RECENT: Final = 50_000
"""Changes that are kept for those who follow this gateway."""
_SWEEP_AFTER_S: Final = 3600
"""Ended decisions stay this long: a clock that is set right again still finds them."""


class Change(NamedTuple):
    """One change of what is in force."""

    seq: int
    id: str
    record: dict[str, Any] | None
    """The decision as it now stands; None where it no longer does."""


class Behind(Exception):
    """What came since can no longer be had, or never was: everything is to be had anew."""


class Knowledge:
    """A table with its place in the stream and its age."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.table = Table()
        self.seq = 0
        self.present = False
        """Whether it ever heard of a source, itself or through a snapshot."""
        self.swaps = 0
        """Times that a table took the place of another."""
        self._heard = 0.0
        self._recent: deque[Change] = deque(maxlen=MOST_RECENT)
        self._since = 0
        """The changes after this number are all among the recent."""
        self._news = Condition()
        self._listeners: list[Callable[[], None]] = []

    def age_s(self) -> float | None:
        """Seconds since the source last said that this is all; None before it ever did."""
        return max(0.0, self.clock.steady() - self._heard) if self.present else None

    def swap(self, table: Table, seq: int, *, age_s: float = 0.0) -> None:
        """Put another table in place of this one."""
        with self._news:
            self._recent.clear()
            self.table, self.seq, self._since = table, seq, seq
            self.swaps += 1
            self._hear(age_s)
            self._news.notify_all()
        self._tell()

    def apply(self, changes: Iterable[Change], seq: int, *, age_s: float = 0.0) -> list[str]:
        """Make changes up to a number; what was wrong with those that could not be made.

        ``age_s`` is how old the source's own knowledge is.

        A change that cannot be read removes its decision: what it was before no longer stands.
        """
        wrong, any_made = [], False
        for change in changes:
            any_made = True
            if change.record is None:
                self.table.remove(change.id)
            else:
                try:
                    self.table.put(change.record)
                except InputError as error:
                    self.table.remove(change.id)
                    wrong.append(f"change {change.seq}: {error.message}")
            self._note(change)
        with self._news:
            self.seq = max(self.seq, seq)
            self._hear(age_s)
            if any_made:
                self._news.notify_all()
        if any_made:
            self._tell()
        return wrong

    def tidy(self) -> int:
        """Sweep what ended a while ago; make a smaller table where much is gone. How many swept."""
        swept = self.table.sweep(self.clock.now() - _SWEEP_AFTER_S)
        if self.table.wasteful():
            self.table = self.table.compacted()
        return swept

    def since(self, seq: int) -> tuple[int, list[Change]]:
        """The newest number, and the changes after another one. Raises ``Behind``."""
        with self._news:
            if not self.present or not self._since <= seq <= self.seq:
                raise Behind
            changes = []
            for change in reversed(self._recent):
                if change.seq <= seq:
                    break
                if change.seq <= self.seq:
                    changes.append(change)
            return self.seq, changes[::-1]

    def wait(self, seq: int, timeout_s: float) -> bool:
        """Whether there is more than a number within a time; for threads."""
        with self._news:
            return self._news.wait_for(lambda: self.seq > seq, timeout_s)

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Have something called, by the thread that tells, after each change; how to stop that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def blocks(self) -> tuple[int, Iterator[dict[str, list[Any]]]]:
        """A number, and everything in force in columns: with the changes since, it is complete."""
        with self._news:
            return self.seq, self.table.blocks()

    def _note(self, change: Change) -> None:
        with self._news:
            if len(self._recent) == MOST_RECENT:
                self._since = self._recent[0].seq
            self._recent.append(change)

    def _hear(self, age_s: float) -> None:
        self._heard = self.clock.steady() - age_s
        self.present = True

    def _tell(self) -> None:
        for listener in list(self._listeners):
            listener()
