"""The days that are kept, merged into one table: what is judged.

While a judgement runs, the table stands still and what comes waits beside it.
"""

from collections.abc import Iterable

from stillwatch.profiles.store import merge_tables
from stillwatch.profiles.table import ProfileTable
from stillwatch.watch.state import State


class Window:
    """One profile per account over all days that are kept."""

    def __init__(self, families: tuple[str, ...], state: State) -> None:
        """As the state has it. Raises ``StoredDataError``."""
        self._families, self._state = families, state
        self.table = state.load(families)
        self._beside = ProfileTable(families)
        self._sorted = 0
        """Accounts that are in order."""
        self._stale = False
        self.still = False
        """A judgement runs."""

    def __len__(self) -> int:
        return len(self.table)

    def add(self, tables: Iterable[ProfileTable], *, dropped: bool) -> None:
        """Take what was brought to the disk; ``dropped``: days left the window with it."""
        self._stale = self._stale or dropped
        into = self._beside if self.still else self.table
        if self._stale and not self.still:
            self._reload()
            return
        for table in tables:
            merge_tables(into, table, "a fresh table")

    def prepare(self) -> None:
        """Take in what waited. Not while a judgement runs."""
        if self._stale:
            self._reload()
        elif len(self._beside):
            merge_tables(self.table, self._beside, "a fresh table")
        self._beside = ProfileTable(self._families)

    def sort(self) -> ProfileTable:
        """The table in order of accounts."""
        if len(self.table) != self._sorted:
            self.table.sort()
            self._sorted = len(self.table)
        return self.table

    def _reload(self) -> None:
        """Days left the window: sums cannot be taken apart, so the others are added up anew."""
        self.table = self._beside = ProfileTable(self._families)  # let go of the memory first
        self.table = self._state.load(self._families)
        self._beside = ProfileTable(self._families)
        self._sorted, self._stale = 0, False
