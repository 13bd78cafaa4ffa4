"""The share of rows that cannot be used, over the last rows of all sources together.

A log that is followed has no end at which to judge it: what counts is how it is now. A format
that changed at midnight must not hide behind the good rows of a month.
"""

from collections import Counter, deque
from collections.abc import Sequence
from pathlib import Path

from stillwatch.errors import TooManyBadRows
from stillwatch.watch.interface import Bad, Bounds, Taken

_FEW = 50
"""Rows from which a log most of which is bad is refused, however little there is of it."""
_BLOCKS = 100
"""Blocks in which the last rows are remembered, about."""


class BadShare:
    """Remembers how many of the last rows were bad."""

    def __init__(
        self,
        limit: float,
        bounds: Bounds,
        quarantine: Path,
        recent: Sequence[Sequence[int]] = (),
    ) -> None:
        """``recent`` is that of an earlier run."""
        self._limit, self._bounds, self._quarantine = limit, bounds, quarantine
        self._blocks = deque((good, bad) for good, bad in recent)
        self._good = sum(good for good, _ in self._blocks)
        self._bad = sum(bad for _, bad in self._blocks)

    @property
    def recent(self) -> list[list[int]]:
        """Good and bad rows of the last blocks, the oldest first."""
        return [list(block) for block in self._blocks]

    def check(self, taken: Taken) -> None:
        """Raise ``TooManyBadRows`` if with these rows too many of the last are bad."""
        good, bad = self._good + taken.good, self._bad + len(taken.bad)
        rows = good + bad
        if taken.bad and rows >= _FEW and bad > self._allowed(rows):
            raise self._refusal(taken.bad, bad, rows, "these rows count as not read")
        self._good, self._bad = good, bad
        last = self._blocks[-1] if self._blocks else (0, 0)
        if self._blocks and sum(last) < self._bounds.window_rows // _BLOCKS:
            self._blocks.pop()  # many small blocks are kept as few
            self._blocks.append((last[0] + taken.good, last[1] + len(taken.bad)))
        else:
            self._blocks.append((taken.good, len(taken.bad)))
        while self._rows - sum(self._blocks[0]) >= self._bounds.window_rows:
            first = self._blocks.popleft()
            self._good -= first[0]
            self._bad -= first[1]

    def settle(self) -> None:
        """Judge what there was, however little: nothing more comes."""
        if self._bad > self._allowed(self._rows):
            raise self._refusal((), self._bad, self._rows, "the rows that could be read are kept")

    def _allowed(self, rows: int) -> float:
        """Bad rows among so many; a few rows tell little, unless most are bad."""
        few = rows < self._bounds.least_rows
        return rows * (max(self._limit, 0.5) if few else self._limit)

    @property
    def _rows(self) -> int:
        return self._good + self._bad

    def _refusal(self, rows: Sequence[Bad], bad: int, of: int, fate: str) -> TooManyBadRows:
        reasons = Counter(row.reason.split(" (")[0] for row in rows).most_common(3)
        shown = ": " + ", ".join(f"{why} ({n})" for why, n in reasons) if reasons else ""
        first = f", first at {rows[0].source}, line {rows[0].line}" if rows else ""
        return TooManyBadRows(
            f"{bad:,} of the last {of:,} rows cannot be used ({bad / of:.1%}, limit "
            f"{self._limit:.1%}){shown}{first}",
            hint=f"look at {self._quarantine}, mend format or mapping and start again: {fate}",
        )
