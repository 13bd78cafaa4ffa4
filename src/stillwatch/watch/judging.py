"""The whole window, judged again and again beside the reading, within a share of the time.

Everything that follows from a judgement happens in order on one thread: judge, name the campaigns,
replace the result directory, decide. A step that fails (a full disk, a database that is down)
is told, and the next judgement does it again: decisions are made from what stands, not from news.
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from stillwatch.errors import StillwatchError
from stillwatch.pipeline import Assessed, Grounds, Summarised, assess, report
from stillwatch.profiles.table import ProfileTable
from stillwatch.watch.naming import Names

SHARE: Final = 0.3
"""Most of the time that judgements take."""


@dataclass(frozen=True, slots=True)
class Read:
    """What of the reading a result tells."""

    sources: tuple[str, ...]
    formats: tuple[str, ...]
    quarantined: int
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """One judgement, done."""

    accounts: int
    events: int
    flagged: int = 0
    campaigns: int = 0
    seconds: float = 0.0
    decided: Mapping[str, int] = field(default_factory=dict)
    """Decisions by what became of them; empty where none were asked for."""
    failed: str = ""
    """What went wrong, or nothing."""


@dataclass(frozen=True, slots=True)
class Acted:
    """What became of a judgement's findings."""

    decided: Mapping[str, int]
    """How many cases, by what became of them."""
    told: str = ""
    """What was amiss, or nothing."""


Act = Callable[[Assessed, Grounds], Acted]
"""Makes decisions of what was found."""


class Judging:
    """Judges in a thread of its own."""

    def __init__(
        self,
        grounds: Callable[[], Grounds],
        names: Names,
        act: Act | None = None,
        out: Path | None = None,
        share: float = SHARE,
    ) -> None:
        self._grounds, self._names, self._act, self._out = grounds, names, act, out
        self._share = share
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="judge")
        self._task: Future[Judged] | None = None
        self._next = 0.0
        self._began = 0.0

    @property
    def running(self) -> bool:
        """Whether a judgement goes on."""
        return self._task is not None

    def due(self, now: float) -> bool:
        """Whether the next one may begin, on the monotonic clock."""
        return self._task is None and now >= self._next

    def start(self, table: ProfileTable, read: Read) -> None:
        """Judge a table that nobody changes until ``finished``."""
        self._began = time.monotonic()
        self._task = self._pool.submit(self._judge, table, read)

    def finished(self, *, wait: bool = False) -> Judged | None:
        """The judgement that is done now; None: there is none. Raises what is no error of ours."""
        if self._task is None or not (wait or self._task.done()):
            return None
        task, self._task = self._task, None
        judged = task.result()
        spent = time.monotonic() - self._began
        self._next = time.monotonic() + spent * (1 / self._share - 1)
        return judged

    def close(self) -> None:
        """Wait for what goes on."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _judge(self, table: ProfileTable, read: Read) -> Judged:
        started = time.monotonic()
        events = int(table.profiles["events"].sum())
        try:
            grounds = self._grounds()
            assessed = assess(table, grounds, self._names)
        except StillwatchError as error:
            return Judged(len(table), events, failed=str(error))
        failed = []
        acted = Acted({})
        if self._out is not None:
            try:
                self._report(self._out, table, read, assessed, grounds, started)
            except StillwatchError as error:
                failed.append(str(error))
        if self._act is not None:
            try:
                acted = self._act(assessed, grounds)
            except StillwatchError as error:
                failed.append(str(error))
        if acted.told:
            failed.append(acted.told)
        return Judged(
            len(table), events, int(assessed.judgement.flagged.sum()), len(assessed.campaigns),
            time.monotonic() - started, acted.decided, "; ".join(failed),
        )  # fmt: skip

    @staticmethod
    def _report(
        out: Path,
        table: ProfileTable,
        read: Read,
        assessed: Assessed,
        grounds: Grounds,
        started: float,
    ) -> None:
        told = Summarised(
            table, grounds.families, read.sources, read.formats, read.quarantined, read.remarks
        )
        notes = (*read.remarks, *grounds.notes(table.account_ids))
        report(out, told, assessed, grounds, notes, started)
