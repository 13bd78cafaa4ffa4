"""What a split tells besides profiles; it travels with them and counts once however often a task ran.

Spark's accumulators would be simpler and wrong: a task that is run again adds to them again.
"""

import pickle
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from stillwatch.logs import Quarantine, Tally

KEPT: Final = 10_000
"""Bad rows of a split that are kept for the quarantine file; more are only counted. A file of
garbage must not fill the driver."""


class Kept(Quarantine):
    """A quarantine in memory, to be handed on."""

    def __init__(self) -> None:
        super().__init__(None)
        self.rows: list[tuple[str, int, str, bytes]] = []
        self.uncounted: Counter[str] = Counter()

    def add(self, source: str, line: int, reason: str, raw: bytes | str) -> None:
        """Keep one bad row, or only count it once there are many."""
        super().add(source, line, reason, raw)
        if len(self.rows) < KEPT:
            data = raw.encode("utf-8", "replace") if isinstance(raw, str) else raw
            self.rows.append((source, line, reason, data[: self.most_bytes]))
        else:
            self.uncounted[reason] += 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was met in a split."""

    split: int
    """Its number."""
    tally: Tally
    """What was counted."""
    bad: tuple[tuple[str, int, str, bytes], ...] = ()
    """Bad rows: path, line within the split, reason, how they begin."""
    more_bad: Counter[str] = field(default_factory=Counter)
    """Bad rows that were not kept, by reason."""
    models: dict[int, str] = field(default_factory=dict)
    """Model names by hash."""

    def packed(self) -> bytes:
        """As bytes; between the processes of one run only."""
        return pickle.dumps(self, pickle.HIGHEST_PROTOCOL)


def unpacked(data: bytes) -> Outcome:
    """What ``Outcome.packed`` packed, from an executor of this run."""
    outcome: Outcome = pickle.loads(data)  # noqa: S301 - our own executor made it
    return outcome
