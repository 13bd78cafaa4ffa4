"""Watchers for tests: logs that grow, runs that stop or are killed, and what must come of them."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson

from stillwatch.config import Config
from stillwatch.detection.part import People
from stillwatch.engines.local import LocalEngine
from stillwatch.logs import Quarantine, ReadOptions, open_logs
from stillwatch.profiles.table import ProfileTable
from stillwatch.watch.badrows import BadShare
from stillwatch.watch.blocks import read_options
from stillwatch.watch.days import Days
from stillwatch.watch.disk import Disk, NotWritten
from stillwatch.watch.figures import Figures
from stillwatch.watch.inputs import open_sources
from stillwatch.watch.interface import Bounds, Source
from stillwatch.watch.judging import Act, Judged, Looked, Read
from stillwatch.watch.service import Pace, Watcher
from stillwatch.watch.start import Plan, watcher
from stillwatch.watch.state import State
from stillwatch.watch.window import Window
from tests.profiling import by_account, families
from tests.support import event

OPTIONS: ReadOptions = read_options(None, None)
SMALL = Bounds(block_bytes=2000, fresh=20)
"""Bounds by which even a small log is read in many pieces."""
NEVER_OVER = 86_400.0


def line(number: int, **values: Any) -> bytes:
    """One canonical event as a line of JSON."""
    row = event(number, **values)
    row["timestamp"] = row["timestamp"].isoformat()
    return bytes(orjson.dumps(row)) + b"\n"


def lines(first: int, stop: int) -> bytes:
    """Events of six accounts over some days."""
    return b"".join(
        line(n, account_id=f"a{n % 6}", prompt=f"say {n} words of {n % 7}")
        for n in range(first, stop)
    )


def taken(source: Source, *, last: bool = False) -> list[str]:
    """Ids of all events that are there, accepted; bad rows as ``bad LINE``."""
    found = []
    while (block := source.take(last=last)) is not None:
        for batch in block.batches:
            found += batch.column("event_id").to_pylist()
        found += [f"bad {row.line}" for row in block.bad]
        block.accept()
    return found


def ids(first: int, stop: int) -> list[str]:
    """Ids of the events of ``lines``."""
    return [f"e{n}" for n in range(first, stop)]


class Killed(BaseException):
    """Stands for a process that is killed."""


class Dying(Disk):
    """A disk whose process is killed at an act, in the middle of it or just after."""

    def __init__(self, at: int, *, half: bool) -> None:
        self.acts, self._at, self._half = 0, at, half

    def profiles(self, table: ProfileTable, path: Path) -> None:
        self._act(lambda: Disk.profiles(self, table, path), path)

    def replace(self, path: Path, data: bytes) -> None:
        self._act(lambda: Disk.replace(self, path, data), path.with_name(f".{path.name}.partial"))

    def append(self, path: Path, size: int, data: bytes) -> None:
        self._act(lambda: Disk.append(self, path, size, data), path)

    def remove(self, path: Path) -> None:
        self._act(lambda: Disk.remove(self, path), None)

    def _act(self, act: Callable[[], None], torn: Path | None) -> None:
        self.acts += 1
        if self.acts == self._at and self._half:
            if torn is not None:
                with torn.open("ab") as file:
                    file.write(b"half of what was to be")
            raise Killed
        act()
        if self.acts == self._at:
            raise Killed


class Full(Disk):
    """A disk that is full for some acts."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals

    def profiles(self, table: ProfileTable, path: Path) -> None:
        if self.refusals:
            self.refusals -= 1
            raise NotWritten(f"cannot write {path}: No space left on device")
        super().profiles(table, path)


class Unjudged:
    """Judges nothing, where only the reading matters."""

    running = False

    def due(self, now: float) -> bool:
        return now < 0

    def start(self, table: ProfileTable, read: Read, people: People | None = None) -> None:
        """Not asked for but at the end."""

    def may_look(self, now: float) -> bool:
        return now < 0

    def looked(self, *, wait: bool = False) -> Looked | None:
        del wait

    def forget(self) -> None:
        """Nothing was learned."""

    def finished(self, *, wait: bool = False) -> Judged | None:
        del wait

    def close(self) -> None:
        """Nothing is open."""


class Told:
    """What a watcher said; stops it after so many checkpoints."""

    def __init__(self, stop_after: int = 0) -> None:
        self.said: list[tuple[str, dict[str, Any]]] = []
        self.stop = threading.Event()
        self._left = stop_after

    def __call__(self, what: str, figures: dict[str, Any]) -> None:
        self.said.append((what, figures))
        if what == "checkpoint" and self._left:
            self._left -= 1
            if not self._left:
                self.stop.set()

    def last(self, what: str) -> dict[str, Any]:
        """Figures of the last time that this happened."""
        return next(figures for name, figures in reversed(self.said) if name == what)

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.said]


def prepared(
    inputs: Sequence[Path | str],
    folder: Path,
    told: Told,
    *,
    bounds: Bounds = SMALL,
    disk: Disk | None = None,
    act: Act | None = None,
    config: Config | None = None,
    **plan: Any,
) -> Watcher:
    """A watcher that reads what is there, once."""
    held = State(folder, bounds, disk)
    try:
        whole = Plan(
            [str(one) for one in inputs], folder, config or Config(workers=1),
            plan.pop("pace", Pace(NEVER_OVER, once=True)), **plan,
        )  # fmt: skip
        return watcher(whole, act, Figures(), told, held, bounds)
    except BaseException:
        held.close()
        raise


def reading(
    inputs: Sequence[Path | str],
    folder: Path,
    told: Told,
    bounds: Bounds = SMALL,
    disk: Disk | None = None,
) -> Watcher:
    """A watcher that reads what is there and judges nothing."""
    held = State(folder, bounds, disk)
    try:
        names = [str(one) for one in inputs]
        return Watcher(
            open_sources(names, Config(), None, held.manifest.sources, bounds),
            held,
            Days(families(), 14, held.manifest.newest),
            Window(families().names, held),
            Unjudged(),  # type: ignore[arg-type]
            BadShare(0.01, bounds, held.quarantine, held.manifest.recent),
            Figures(),
            Pace(NEVER_OVER, once=True),
            told,
            bounds,
        )
    except BaseException:
        held.close()
        raise


def stored(folder: Path) -> dict[str, bytes]:
    """Every profile that a state holds, by account."""
    held = State(folder, Bounds())
    try:
        return by_account(held.load(families().names))
    finally:
        held.close()


def at_once(paths: Sequence[Path]) -> dict[str, bytes]:
    """What one run over whole logs makes of them."""
    with Quarantine(None) as bin_:
        log = open_logs([str(path) for path in paths], OPTIONS, bin_)
        return by_account(LocalEngine(families(), 1).profile(log.batches()))
