"""Judgements beside the reading: quick ones of what changed, full ones of the whole window.

A full one comes within a share of the time, a larger one when the statistics that it left are too old
for quick ones. Quick ones come at every checkpoint, also while a full one goes on. One at a time names
campaigns and decides. Everything that follows from a full one happens in order: judge, name, replace
the result directory, decide, keep the statistics. A step that fails (a full disk, a database that is down)
is told, and the next judgement does it again: decisions are made from what stands, not from news.
"""

import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from stillwatch.detection.judge import Judgement
from stillwatch.detection.part import People
from stillwatch.errors import StillwatchError
from stillwatch.pipeline import Assessed, Grounds, Summarised, assess, report
from stillwatch.profiles.table import ProfileTable
from stillwatch.watch.naming import Names
from stillwatch.watch.quick import Found, Quick

SHARE: Final = 0.3
"""Most of the time that full judgements take where quick ones cannot decide."""
SELDOM: Final = 0.1
"""The same where they can."""
OLDEST_S: Final = 3600.0
"""Age from which statistics are too old, whatever came."""


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
    learned: bool = False
    """Whether quick judgements go on from here."""


@dataclass(frozen=True, slots=True)
class Looked:
    """One quick judgement, done."""

    accounts: int
    """Accounts that were scored."""
    looked_at: int
    """Accounts whose profiles it took, these and the carriers of what they touch."""
    groups: int
    """Groups that were measured."""
    flagged: int = 0
    campaigns: int = 0
    seconds: float = 0.0
    decided: Mapping[str, int] = field(default_factory=dict)
    waits: Sequence[str] = ()
    """What is left to the next full judgement, in sentences."""
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Acted:
    """What became of a judgement's findings."""

    decided: Mapping[str, int]
    """How many cases, by what became of them."""
    told: str = ""
    """What was amiss, or nothing."""


Act = Callable[[Found, Grounds], Acted]
"""Makes decisions of what was found."""


class Judging:
    """Judges in threads of its own, one for each kind."""

    def __init__(
        self,
        grounds: Callable[[], Grounds],
        names: Names,
        act: Act | None = None,
        out: Path | None = None,
        share: float = SHARE,
    ) -> None:
        self._grounds, self._names, self._act, self._out = grounds, names, act, out
        self.share = share
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="judge")
        self._task: Future[tuple[Judged, Quick | None]] | None = None
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="look")
        self._look: Future[Looked] | None = None
        self._people: People | None = None
        self._quick: Quick | None = None
        self._made = 0.0
        self._forgotten = False
        self._ended = -math.inf
        self._spent = 0.0
        self._began = 0.0
        self._naming = threading.Lock()

    @property
    def running(self) -> bool:
        """Whether a judgement goes on."""
        return self._task is not None

    def due(self, now: float) -> bool:
        """Whether the next one may begin, on the monotonic clock."""
        share = self.share if self._quick is None or self.stale(now) else min(SELDOM, self.share)
        return self._task is None and now >= self._ended + self._spent * (1 / share - 1)

    def stale(self, now: float) -> bool:
        """Whether nothing can be decided quickly until the next full judgement."""
        return self._quick is None or self._quick.stale or now - self._made > OLDEST_S

    def forget(self) -> None:
        """Days left the window: what was learned of it no longer holds."""
        self._quick, self._forgotten = None, True

    def start(self, table: ProfileTable, read: Read, people: People | None = None) -> None:
        """Judge a table that nobody changes until ``finished``.

        ``people`` are its accounts later on, for quick judgements; None: there will be none.
        """
        self._began, self._people, self._forgotten = time.monotonic(), people, False
        self._task = self._pool.submit(self._judge, table, read)

    def may_look(self, now: float) -> bool:
        """Whether a quick judgement may begin."""
        return self._look is None and not self.stale(now)

    def look(self, account_ids: Sequence[str]) -> None:
        """Judge accounts that changed, quickly."""
        assert self._quick is not None
        self._look = self._beside.submit(self._glance, self._quick, account_ids)

    def looked(self, *, wait: bool = False) -> Looked | None:
        """The quick judgement that is done now; None: there is none."""
        if self._look is None or not (wait or self._look.done()):
            return None
        task, self._look = self._look, None
        return task.result()

    def finished(self, *, wait: bool = False) -> Judged | None:
        """The judgement that is done now; None: there is none. Raises what is no error of ours."""
        if self._task is None or not (wait or self._task.done()):
            return None
        task, self._task = self._task, None
        judged, quick = task.result()
        self._ended = time.monotonic()
        self._spent = self._ended - self._began
        if quick is None or self._forgotten:
            return judged
        self._quick, self._made = quick, self._began
        return replace(judged, learned=True)

    def close(self) -> None:
        """Wait for what goes on."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._beside.shutdown(wait=True, cancel_futures=True)

    def _judge(self, table: ProfileTable, read: Read) -> tuple[Judged, Quick | None]:
        started = time.monotonic()
        events = int(table.profiles["events"].sum())
        try:
            grounds = self._grounds()
            assessed = assess(table, grounds, self._named)
        except StillwatchError as error:
            return Judged(len(table), events, failed=str(error)), None
        failed = list[str]()
        if self._out is not None:
            try:
                self._report(self._out, table, read, assessed, grounds, started)
            except StillwatchError as error:
                failed.append(str(error))
        acted = self._acted(Found.of(assessed, events, started), grounds, failed)
        people = self._people
        quick = None if people is None else Quick(table, assessed, grounds, people)
        judged = Judged(
            len(table), events, int(assessed.judgement.flagged.sum()), len(assessed.campaigns),
            time.monotonic() - started, acted.decided, "; ".join(failed),
        )  # fmt: skip
        return judged, quick

    def _glance(self, quick: Quick, account_ids: Sequence[str]) -> Looked:
        started = time.monotonic()
        failed = list[str]()
        try:
            grounds = self._grounds()
            seen, found = quick.look(account_ids, grounds, self._named)
        except StillwatchError as error:
            return Looked(len(account_ids), 0, 0, failed=str(error))
        acted = self._acted(found, grounds, failed)
        return Looked(
            seen.scored, len(seen.account_ids), seen.groups,
            sum(one.flagged for one in found.flagged), len(found.campaigns),
            time.monotonic() - started, acted.decided, seen.waits, "; ".join(failed),
        )  # fmt: skip

    def _named(self, judgement: Judgement, account_ids: Sequence[str]) -> Sequence[str]:
        with self._naming:
            return self._names(judgement, account_ids)

    def _acted(self, found: Found, grounds: Grounds, failed: list[str]) -> Acted:
        """Decide, one judgement at a time; what is amiss joins ``failed``."""
        if self._act is None:
            return Acted({})
        try:
            with self._naming:
                acted = self._act(found, grounds)
        except StillwatchError as error:
            failed.append(str(error))
            return Acted({})
        if acted.told:
            failed.append(acted.told)
        return acted

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
