"""What the claims behind matched records are worth here, as the last pull left them.

Rules: a record counts only through a signed claim of the pack's own publisher; where a claim came
from several hubs, the gravest standing holds. Answers are kept for seconds, so that a pull in
another process is seen soon and a match costs no query twice.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from stillwatch.domain.lead import Step
from stillwatch.sharing.board import Entry, board
from stillwatch.sharing.matching.leads import Held
from stillwatch.store.database import Store
from stillwatch.store.matching import last_pull

_KEPT_S: Final = 10.0
_MOST_KEPT: Final = 10_000


@dataclass(frozen=True, slots=True)
class Missing:
    """Why a record has no claim to stand on."""

    why: str


class Worth:
    """Standing of claims, read from the lab's store as they are needed; safe for threads."""

    def __init__(
        self, store: Store, stale_days: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store, self._stale, self._clock = store, timedelta(days=stale_days), clock
        self._kept: dict[tuple[str, str], Entry | Missing] = {}
        self._pulled: str | None = None
        self._until = 0.0
        self._lock = threading.Lock()

    def of(self, claim: str, publisher: str) -> Entry | Missing:
        """The claim of that id by that publisher."""
        with self._lock:
            self._refresh()
            found = self._kept.get((claim, publisher))
            if found is None:
                found = self._kept[claim, publisher] = self._read(claim, publisher)
            return found

    def held(self, now: datetime) -> Held | None:
        """Why leads are held back, if they are: who does not pull does not see what was cleared."""
        with self._lock:
            self._refresh()
            if self._pulled is None:
                return Held(Step.REVIEW, "nothing was ever pulled from a hub")
            age = now - datetime.fromisoformat(self._pulled).astimezone(UTC)
        if age <= self._stale:
            return None
        return Held(
            Step.REVIEW,
            f"the last pull was {age.days} days ago, and what was cleared since is not known here",
        )

    def _refresh(self) -> None:
        if self._clock() < self._until and len(self._kept) < _MOST_KEPT:
            return
        self._kept.clear()
        with self._store.begin() as connection:
            self._pulled = last_pull(connection)
        self._until = self._clock() + _KEPT_S

    def _read(self, claim: str, publisher: str) -> Entry | Missing:
        with self._store.begin() as connection:
            found = [entry for entry in board(connection, claim) if entry.received.signed]
        if not found:
            return Missing("its claim is not here")
        its = [entry for entry in found if entry.received.publisher == publisher]
        if len(its) < len(found):
            return Missing("its claim is another publisher's")
        return min(its, key=lambda entry: entry.weight.value)
