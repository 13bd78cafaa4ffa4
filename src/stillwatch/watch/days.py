"""Events to profiles by the events' own days; what is fresh, and which days are kept.

Rules
    * The window ends with the newest day seen, but a clock that is wrong at one host must not push
      everything out: days more than one ahead of this machine's are kept and move nothing.
    * An event whose day has left the window is late: counted, not kept.
    * Events are folded in the order in which they come, so what is stored does not depend on where
      the log was cut or the process ended.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from stillwatch.engines.local import SLICE
from stillwatch.logs.byday import DAY_US
from stillwatch.profiles.phrases import FamilyTable
from stillwatch.profiles.requests import requests
from stillwatch.profiles.table import ProfileTable
from stillwatch.profiles.text import TextFeatures, TextKernel
from stillwatch.profiles.words import WordVectors


class Days:
    """Folds batches into fresh profiles, one table a day."""

    def __init__(
        self,
        families: FamilyTable,
        kept: int,
        newest: int | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``kept`` days are in the window; ``newest`` is the last one of those on the disk."""
        self.kept = kept
        self.newest = newest
        self.fresh: dict[int, ProfileTable] = {}
        self.late = 0
        """Events too old for the window."""
        self.ahead = 0
        """Events dated more than a day ahead of this machine's clock."""
        self.last_event: datetime | None = None
        """Time of the newest event that was not ahead."""
        self._families = families
        self._kernel = TextKernel(families, WordVectors())
        self._room = TextFeatures.zeros(SLICE)
        self._clock = clock

    @property
    def first(self) -> int:
        """The first day of the window; days from here on are kept."""
        return (self.newest or 0) - self.kept + 1

    @property
    def waiting(self) -> int:
        """Profiles that are not on the disk yet."""
        return sum(map(len, self.fresh.values()))

    def add(self, batch: pa.RecordBatch) -> None:
        """Fold a batch of canonical events, at most ``SLICE`` rows at a time."""
        for start in range(0, batch.num_rows, SLICE):
            self._add(batch.slice(start, SLICE))

    def taken(self) -> dict[int, ProfileTable]:
        """The fresh profiles; the next events begin new ones."""
        fresh, self.fresh = self.fresh, {}
        return fresh

    def _add(self, batch: pa.RecordBatch) -> None:
        times = batch.column("timestamp").view(pa.int64()).to_numpy()
        days = times // DAY_US
        limit = int(self._clock() * 1e6) // DAY_US + 1
        near = days <= limit
        self.ahead += int((~near).sum())
        if near.any():
            self.newest = max(self.newest or 0, int(days[near].max()))
            last = datetime.fromtimestamp(int(times[near].max()) / 1e6, UTC)
            self.last_event = max(self.last_event or last, last)
        late = days < self.first
        self.late += int(late.sum())
        for day in np.unique(days[~late]).tolist():
            mine = days == day
            part = batch if mine.all() else batch.filter(pa.array(mine))
            self._fold(day, part)

    def _fold(self, day: int, batch: pa.RecordBatch) -> None:
        table = self.fresh.get(day)
        if table is None:
            table = self.fresh[day] = ProfileTable(self._families.names)
        measured = self._kernel.features(batch.column("prompt"), self._room)
        table.add(batch, requests(batch), measured.first(batch.num_rows))
