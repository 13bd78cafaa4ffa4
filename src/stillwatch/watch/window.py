"""The days that are kept, merged into one table: what is judged.

While a judgement runs, the table stands still and what comes waits beside it. A quick judgement asks
for single accounts as they are now, from a thread of its own: it gets copies.
"""

import threading
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stillwatch.campaigns.carriers import holdings
from stillwatch.profiles.index import Index
from stillwatch.profiles.merge import Profiles, as_bytes, empty, merge, take
from stillwatch.profiles.store import merge_tables
from stillwatch.profiles.table import ProfileTable
from stillwatch.watch.state import State

Ints = npt.NDArray[np.int64]


class Window:
    """One profile per account over all days that are kept."""

    def __init__(self, families: tuple[str, ...], state: State) -> None:
        """As the state has it. Raises ``StoredDataError``."""
        self._families, self._state = families, state
        self.table = state.load(families)
        self._beside = ProfileTable(families)
        self._newcomers = 0
        """Accounts beside the table that are not in it."""
        self._rows: dict[str, int] = {}
        self._sorted = 0
        """Accounts that are in order."""
        self._stale = False
        self._lock = threading.Lock()
        """Held while the table changes, and while others than the one who judges read it."""
        self.still = False
        """A judgement runs."""

    def __len__(self) -> int:
        return len(self.table) + self._newcomers

    def add(self, tables: Iterable[ProfileTable], *, dropped: bool) -> None:
        """Take what was brought to the disk; ``dropped``: days left the window with it."""
        with self._lock:
            self._stale = self._stale or dropped
            into = self._beside if self.still else self.table
            if self._stale and not self.still:
                self._reload()
                return
            for table in tables:
                known = len(self._beside)
                merge_tables(into, table, "a fresh table")
                self._newcomers += self._unknown(self._beside.account_ids[known:])

    def prepare(self) -> None:
        """Take in what waited. Not while a judgement runs."""
        with self._lock:
            if self._stale:
                self._reload()
            elif len(self._beside):
                merge_tables(self.table, self._beside, "a fresh table")
            self._beside, self._newcomers = ProfileTable(self._families), 0

    def sort(self) -> ProfileTable:
        """The table in order of accounts."""
        with self._lock:
            if len(self.table) != self._sorted:
                self.table.sort()
                self._sorted = len(self.table)
                self._rows = {}
            return self.table

    def current(self, account_ids: Sequence[str]) -> Profiles:
        """Profiles of some accounts as they are now, copied."""
        found = empty(len(account_ids))
        with self._lock:
            place, rows = self._found(account_ids)
            as_bytes(found)[place] = as_bytes(self.table.profiles)[rows]
            if len(self._beside):
                beside = {name: row for row, name in enumerate(self._beside.account_ids)}
                at = np.array([beside.get(name, -1) for name in account_ids], np.int64)
                known = np.flatnonzero(at >= 0)
                merge(found, known, take(self._beside.profiles, at[known]))
        return found

    def holding(self, keys: npt.NDArray[np.uint32]) -> tuple[list[str], Ints, Ints]:
        """Who holds which of the ``keys`` anywhere: accounts, and pairs of places in both lists."""
        people, who, which = Index(), list[Ints](), list[Ints]()
        with self._lock:
            for table in (self.table, self._beside):
                everybody = np.ones(len(table), dtype=np.bool_)
                rows, places = holdings(table.profiles, keys, everybody)
                some, back = np.unique(rows, return_inverse=True)
                names = pa.array([table.account_ids[row] for row in some.tolist()], pa.string())
                who.append(people.rows(names)[back])
                which.append(places)
        pairs = np.unique(np.stack([np.concatenate(who), np.concatenate(which)]), axis=1)
        return people.names(0), pairs[0], pairs[1]

    def _unknown(self, account_ids: Sequence[str]) -> int:
        """How many of these are not in the table."""
        return len(account_ids) - self._found(account_ids)[0].size

    def _found(self, account_ids: Sequence[str]) -> tuple[Ints, Ints]:
        """Which of these are in the table, and their rows."""
        for row in range(len(self._rows), len(self.table)):
            self._rows[self.table.account_ids[row]] = row
        rows = np.array([self._rows.get(name, -1) for name in account_ids], np.int64)
        place = np.flatnonzero(rows >= 0)
        return place, rows[place]

    def _reload(self) -> None:
        """Days left the window: sums cannot be taken apart, so the others are added up anew."""
        self.table = self._beside = ProfileTable(self._families)  # let go of the memory first
        self.table = self._state.load(self._families)
        self._beside = ProfileTable(self._families)
        self._sorted, self._stale = 0, False
        self._rows, self._newcomers = {}, 0
