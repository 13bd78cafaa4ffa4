"""The watcher: read, keep, judge, decide, round after round. Read this file first.

Rules
    * One thread reads, measures, folds and keeps; judging goes on beside it.
    * What changed is judged quickly at each checkpoint, the whole window now and then.
    * Nothing is taken while it cannot be kept: with a full disk reading stops and nothing is lost.
    * A stop, asked for or forced, loses nothing of a source that can be read again.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from stillwatch.errors import InputError, StillwatchError
from stillwatch.watch.badrows import BadShare
from stillwatch.watch.days import Days
from stillwatch.watch.disk import NotWritten
from stillwatch.watch.figures import Figures
from stillwatch.watch.interface import Bad, Bounds, Position, Source, Taken
from stillwatch.watch.judging import Judged, Judging, Looked, Read
from stillwatch.watch.quick import MOST
from stillwatch.watch.state import State
from stillwatch.watch.window import Window

Tell = Callable[[str, dict[str, Any]], None]
"""Called with what happened and its figures."""

_IDLE_S = 0.2
"""Seconds to wait where nothing is new."""


@dataclass(frozen=True, slots=True)
class Pace:
    """When things happen."""

    every: float = 5.0
    """Seconds between two checkpoints, and at least between two judgements."""
    once: bool = False
    """Read what is there, judge it once, end."""


@dataclass(slots=True)
class Watcher:
    """Everything a watcher works with."""

    sources: Sequence[Source]
    state: State
    days: Days
    window: Window
    judging: Judging
    share: BadShare
    figures: Figures
    pace: Pace
    tell: Tell
    bounds: Bounds

    def __post_init__(self) -> None:
        self.figures.update(
            self.state.manifest.counts,
            accounts=len(self.window),
            backlog=sum(source.backlog() for source in self.sources),
            newest=None,
        )

    def run(self, stop: threading.Event) -> None:
        """Watch until ``stop`` is set, or all there is was read if only ``once`` was asked for.

        Raises ``TooManyBadRows`` where a log became unreadable, ``InputError`` where what was read
        last could not be kept; both after everything before was kept.
        """
        round_ = _Round(self)
        try:
            self._follow(round_, stop)
            round_.end(judge=not stop.is_set())
        finally:
            self.judging.close()
            for source in self.sources:
                source.close()
            self.state.close()

    def _follow(self, round_: "_Round", stop: threading.Event) -> None:
        try:
            while not stop.is_set():
                busy = round_.read()
                if not busy and not round_.stalled and self._over():
                    break
                if round_.due():
                    round_.tick()
                if not busy:
                    stop.wait(_IDLE_S)
        except StillwatchError:
            round_.end(judge=False)  # what came before is as good as ever
            raise

    def _over(self) -> bool:
        """Whether nothing more is to be read, where nothing was there now."""
        return self.pace.once or all(source.ended for source in self.sources)


class _Round:
    """What is under way between two checkpoints."""

    def __init__(self, watcher: Watcher) -> None:
        self._w = watcher
        self._bad: list[Bad] = []
        self._counts = Counter(watcher.state.manifest.counts)
        known = watcher.state.manifest.sources
        self._kept = {one.name: known.get(one.name) for one in watcher.sources}
        """Positions on the disk: a source that is new is noted even while it is empty."""
        self._began = time.monotonic()
        self._changed = bool(len(watcher.window))
        """Whether there is something that no full judgement has seen."""
        self._todo = dict[str, None]()
        """Accounts that changed and were not judged since, the first changed first."""
        self._looking = list[str]()
        """Those that the last quick judgement took."""
        self._since = dict[str, None]()
        """Accounts that changed since the full judgement that goes on began."""
        self.stalled = False
        self._figures()

    def read(self) -> bool:
        """Take what each source has now, once; whether there was anything."""
        if self.stalled:
            return False
        busy = False
        for source in self._w.sources:
            if self._full():
                return True
            try:
                taken = source.take(last=self._w.pace.once)
            except OSError as error:
                raise InputError(
                    f"{source.name} cannot be read: {error}", hint="start again when it can"
                ) from error
            if taken is not None:
                self._take(taken)
                busy = True
        return busy

    def due(self) -> bool:
        """Whether it is time for a checkpoint."""
        return time.monotonic() - self._began >= self._w.pace.every or self._full()

    def tick(self) -> None:
        """Bring everything to the disk; judge it, if no judgement is under way."""
        self._began = time.monotonic()
        self._keep()
        self._judged(self._w.judging.finished())
        self._looked(self._w.judging.looked())
        now = time.monotonic()
        if self._changed and not self._w.pace.once and self._w.judging.due(now):
            self._judge()
        if self._todo and not self._w.pace.once and self._w.judging.may_look(now):
            self._look()
        self._figures()

    def end(self, *, judge: bool) -> None:
        """Bring the rest to the disk, and judge once more if asked to."""
        self._keep()
        self._looked(self._w.judging.looked(wait=True))
        self._judged(self._w.judging.finished(wait=True))
        if self.stalled:
            raise InputError(
                "what was read last could not be kept",
                hint="free space and start again: it will be read again, except from a pipe",
            )
        if judge:
            self._w.share.settle()
        if judge and self._changed and len(self._w.window):
            self._judge(last=True)
            self._judged(self._w.judging.finished(wait=True))
        self._figures()
        self._w.tell("ended", self._w.figures.record())

    def _full(self) -> bool:
        return self._w.days.waiting >= max(self._w.bounds.fresh, len(self._w.window))

    def _take(self, taken: Taken) -> None:
        self._w.share.check(taken)
        for batch in taken.batches:
            self._w.days.add(batch)
        taken.accept()
        self._bad += taken.bad
        self._counts["read"] += taken.good
        self._counts["bad"] += len(taken.bad)
        self._counts["bytes"] += taken.size
        self._counts["skipped"] += taken.tally.skipped.total()
        self._counts["cells"] += taken.tally.cells.total()
        self._counts["cut"] += taken.tally.cut.total()

    def _positions(self) -> dict[str, Position]:
        return {source.name: source.position() for source in self._w.sources}

    def _keep(self) -> None:
        """Write the next generation, if there is anything new."""
        watcher, days, positions = self._w, self._w.days, self._positions()
        if positions == self._kept and not days.fresh and not self._bad:
            return
        self._counts["late"] += days.late
        self._counts["ahead"] += days.ahead
        days.late = days.ahead = 0
        began = time.monotonic()
        try:
            dropped = watcher.state.commit(
                days.fresh, newest=days.newest, first=days.first,
                sources=positions, counts=self._counts, bad=self._bad,
                recent=watcher.share.recent,
            )  # fmt: skip
        except NotWritten as error:
            if not self.stalled:
                watcher.tell("stalled", {"why": str(error)})
            self.stalled = True
            return
        if self.stalled:
            watcher.tell("resumed", {})
        self.stalled = False
        self._kept, self._bad = dict(positions), []
        fresh = days.taken()
        watcher.window.add(fresh.values(), dropped=bool(dropped))
        names = dict.fromkeys(name for table in fresh.values() for name in table.account_ids)
        self._todo |= names
        self._since |= names
        if dropped:
            watcher.judging.forget()
        self._changed = self._changed or bool(fresh) or bool(dropped)
        for source in watcher.sources:
            source.durable()
        watcher.figures.checkpoint_s = time.monotonic() - began
        self._figures()
        watcher.tell("checkpoint", watcher.figures.record())

    def _judge(self, *, last: bool = False) -> None:
        watcher = self._w
        watcher.window.prepare()
        if not len(watcher.window):
            return
        table = watcher.window.sort()
        watcher.window.still, self._changed = True, False
        self._since = {}
        remarks = tuple(remark for source in watcher.sources for remark in source.remarks())
        names = tuple(source.name for source in watcher.sources)
        watcher.judging.start(
            table,
            Read(names, ("watched",), self._counts["bad"], (*remarks, *self._told())),
            None if last else watcher.window,
        )

    def _look(self) -> None:
        """Judge quickly what changed, as much as one quick judgement takes."""
        self._looking = list(islice(self._todo, MOST // 2))
        for name in self._looking:
            del self._todo[name]
        self._w.judging.look(self._looking)

    def _looked(self, looked: Looked | None) -> None:
        if looked is None:
            return
        if looked.failed:
            self._todo = dict.fromkeys((*self._looking, *self._todo))
        self._w.figures.looked(looked)
        self._w.tell("looked", self._w.figures.look())

    def _judged(self, judged: Judged | None) -> None:
        if judged is None:
            return
        self._w.window.still = False
        self._w.window.prepare()
        self._changed = self._changed or bool(judged.failed)
        if judged.learned:
            self._todo = dict(self._since)
        self._w.figures.judged(judged)
        self._w.tell("judged", self._w.figures.judgement())

    def _figures(self) -> None:
        watcher = self._w
        watcher.figures.stalled = self.stalled
        watcher.figures.update(
            self._counts,
            accounts=len(watcher.window),
            backlog=sum(source.backlog() for source in watcher.sources),
            newest=watcher.days.last_event,
        )

    def _told(self) -> list[str]:
        """What of the log is not in the profiles, in sentences."""
        told = {
            "late": "events were of days that had left the window, and are not in it",
            "ahead": "events are dated more than a day ahead of this machine's clock",
            "skipped": "records were skipped that are no model request",
            "cells": "values were not of their column's type, taken as absent",
            "cut": "texts beyond the length limit were cut there",
        }
        return [
            f"{self._counts[name]:,} {what}" for name, what in told.items() if self._counts[name]
        ]
