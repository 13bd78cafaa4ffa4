"""A thread that keeps knowledge in step with its source.

Rules
    * What is new is in force within two seconds: a store is asked every half second, another
      gateway holds the answer until there is something.
    * When the source fails, what is known goes on and ages; the source is asked again after a
      pause that grows to five seconds, with jitter so that gateways do not come all at once.
    * Who is behind starts anew into a new table, which takes the old one's place when it is whole.
    * A number is taken as known only after everything up to it was applied: what failed midway
      comes again.
    * Without a source at the start, the last snapshot is used, if it holds.
    * The thread survives whatever happens in it, counts it, and says the last of it.
"""

import gc
import logging
import random
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from stillwatch.errors import StillwatchError, StoredDataError
from stillwatch.gateway import snapshot as snapshots
from stillwatch.gateway.blocks import Block
from stillwatch.gateway.clock import Clock
from stillwatch.gateway.knowledge import Behind, Knowledge
from stillwatch.gateway.source import Source, identity
from stillwatch.gateway.table import loaded

_LOG: Final = logging.getLogger(__name__)
_FIRST_PAUSE_S: Final = 0.25
_LONGEST_PAUSE_S: Final = 5.0
_REFRESH_S: Final = 600.0
"""A snapshot is written anew after this time even if nothing changed: its age counts."""
_LARGE: Final = 100_000
_MOST_SAID: Final = 10
_TIDY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Followed:
    """What a follower has seen since it began."""

    startups: int = 0
    answers: int = 0
    changes: int = 0
    behind: int = 0
    """Times that everything had to be had anew."""
    failures: int = 0
    """Of the source, or within."""
    unusable: int = 0
    """Decisions that could not be read: they do not stand here."""
    swept: int = 0
    snapshots: int = 0
    """Written."""
    snapshots_failed: int = 0
    snapshots_refused: int = 0
    from_snapshot: bool = False
    """What is known came from a snapshot, and the source has not been heard yet."""
    connected: bool = False
    """The source answered when it was asked last."""
    last_error: str = ""


class Follower:
    """Follows a source. ``knowledge`` may be used from the start; it is empty until it is not."""

    def __init__(
        self,
        source: Source,
        snapshot: Path | None = None,
        poll_s: float = 0.5,
        *,
        wait_s: float = 2.0,
        snapshot_s: float = 60.0,
        clock: Clock | None = None,
    ) -> None:
        """``poll_s`` between questions to a store, ``wait_s`` for an answer of another gateway."""
        self.source, self.snapshot = source, snapshot
        self.knowledge = Knowledge(clock)
        self.counts = Followed()
        """Replaced whole; never changed."""
        self._poll_s, self._wait_s, self._snapshot_s = poll_s, wait_s, snapshot_s
        self._anew = True
        self._pauses = 0
        self._tried_snapshot = False
        self._tidy_at = 0.0
        self._kept: tuple[int, float] | None = None
        """Number and steady time of the last snapshot."""
        self._stopping = threading.Event()
        self._settled = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to follow, in a thread of its own."""
        assert self._thread is None, "a follower starts once"
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._thread.start()

    def ready(self, timeout_s: float) -> bool:
        """Wait until something is known, from the source or a snapshot; whether it is."""
        self._settled.wait(timeout_s)
        return self.knowledge.present

    def stop(self) -> None:
        """Stop, and keep what is known. Returns within seconds."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(self._wait_s + 5.0)
            if self._thread.is_alive():
                return  # it waits for a dead source, and ends with the process
        self.source.close()
        if self.knowledge.present and self.counts.connected:
            self._keep()

    def step(self) -> float:
        """Ask the source once; how long to wait until the next time. The thread does only this."""
        try:
            more = self._startup() if self._anew else self._follow()
        except Behind:
            self._count(behind=1)
            self._anew = True
            return self._pause() if self.counts.behind > self.counts.startups else 0.0
        except StillwatchError as error:
            return self._failed(str(error))
        except Exception as error:  # whatever it is: this thread must not die
            _LOG.exception("the follower failed")
            return self._failed(f"{type(error).__name__} in the follower: see the log")
        self._pauses = 0
        self._count(answers=1)
        if self.counts.failures and not self.counts.connected:
            _LOG.warning("the source of decisions answers again")
        self.counts = replace(self.counts, connected=True, from_snapshot=False, last_error="")
        self._settled.set()
        self._maintain()
        return 0.0 if more or self.source.pushes else self._poll_s

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._stopping.wait(self.step())

    def _startup(self) -> bool:
        """Everything anew. There may be changes by now."""
        seq, now, blocks = self.source.startup()
        clock = self.knowledge.clock
        clock.hear(now)
        began, wrong = clock.steady(), list[str]()
        with closing(blocks):
            table = loaded(_noted(blocks, wrong))
        if len(table) > _LARGE:
            gc.collect()
            gc.freeze()  # or each full collection would walk over all of it
        known = len(self.knowledge.table) if self.knowledge.present else None
        self.knowledge.swap(table, seq, age_s=self.source.age_s + clock.steady() - began)
        if known is not None:  # an emptied store frees everybody: let that be seen
            _LOG.warning("all decisions loaded anew: %d in force, %d before", len(table), known)
        self._anew = False
        self._count(startups=1)
        self._unusable(wrong)
        return True

    def _follow(self) -> bool:
        """What came since; whether there was anything."""
        wait = self._wait_s if self.source.pushes else 0.0
        seq, now, changes = self.source.changes(self.knowledge.seq, wait)
        self.knowledge.clock.hear(now)
        wrong = self.knowledge.apply(changes, seq, age_s=self.source.age_s)
        self._count(changes=len(changes))
        self._unusable(wrong)
        return bool(changes)

    def _unusable(self, wrong: list[str]) -> None:
        """Say what could not be used, the first of it in words."""
        self._count(unusable=len(wrong))
        for words in wrong[:_MOST_SAID]:
            _LOG.warning("not in force, it cannot be used: %s", words)
        if len(wrong) > _MOST_SAID:
            _LOG.warning("and %d more", len(wrong) - _MOST_SAID)

    def _failed(self, words: str) -> float:
        """The source is down: say so, fall back on the snapshot, ask again later."""
        if self.counts.connected or not self.counts.failures:
            _LOG.warning("the source of decisions failed: %s", words)
        self._count(failures=1)
        self.counts = replace(self.counts, connected=False, last_error=words)
        if not self.knowledge.present and not self._tried_snapshot:
            self._tried_snapshot = True
            self._recall()
        self._settled.set()
        self.knowledge.clock.look()
        return self._pause()

    def _recall(self) -> None:
        """Use the snapshot, if there is one that holds."""
        if self.snapshot is None:
            return
        now = self.knowledge.clock.now()
        try:
            found = snapshots.read(self.snapshot, identity(self.source), now)
        except StoredDataError as error:
            self._count(snapshots_refused=1)
            aside = snapshots.set_aside(self.snapshot)
            _LOG.warning("%s; it lies in %s", error, aside)
            return
        if found is not None:
            self.knowledge.swap(found.table, found.seq, age_s=max(0.0, now - found.now))
            self._anew = False
            self.counts = replace(self.counts, from_snapshot=True)

    def _maintain(self) -> None:
        """Now and then: sweep, and keep a snapshot."""
        steady = self.knowledge.clock.steady()
        if steady >= self._tidy_at:
            self._tidy_at = steady + _TIDY_S
            self._count(swept=self.knowledge.tidy())
            self.knowledge.clock.look()
        if self.snapshot is None:
            return
        if self._kept is not None:
            seq, at = self._kept
            since = steady - at
            if since < (self._snapshot_s if seq != self.knowledge.seq else _REFRESH_S):
                return
        self._keep()

    def _keep(self) -> None:
        """Write a snapshot; the next is due when it has cost a fiftieth of the time."""
        if self.snapshot is None:
            return
        seq, began = self.knowledge.seq, self.knowledge.clock.steady()
        try:
            snapshots.write(self.snapshot, self.knowledge, identity(self.source))
        except OSError as error:
            self._count(snapshots_failed=1)
            _LOG.warning("the snapshot %s could not be written: %s", self.snapshot, error)
        else:
            self._count(snapshots=1)
        ended = self.knowledge.clock.steady()
        self._kept = seq, ended + 50 * (ended - began)

    def _pause(self) -> float:
        """Twice as long each time, within bounds, and never the same for two gateways."""
        self._pauses = min(self._pauses + 1, 10)
        longest = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0**self._pauses)
        return longest * random.uniform(0.5, 1.0)

    def _count(self, **more: int) -> None:
        kept = self.counts
        self.counts = replace(kept, **{name: getattr(kept, name) + n for name, n in more.items()})


def _noted(blocks: Iterable[Block], wrong: list[str]) -> Iterator[Block]:
    """Blocks as they come; what was wrong with rows that are not in them is noted."""
    for block in blocks:
        wrong += block.wrong
        yield block
