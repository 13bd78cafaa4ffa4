"""Bringing a state directory up to date.

::

    state/manifest.json                     what was read; names everything else
    state/runs/000017/2026-11-26.parquet    profiles of a run's events of a day
    state/window.parquet                    the window, merged: what ``detect`` is given

A run is written, then named in the manifest, in the place of the one it redoes, then that one is
removed. Who is killed in between finds either; what the manifest does not name is removed by the
next run. The window is made anew from its days, since sums cannot be taken apart.
"""

import fcntl
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from stillwatch.config import Config
from stillwatch.daily import manifest as book
from stillwatch.daily.inputs import plan
from stillwatch.daily.manifest import Manifest, Run, Stamp
from stillwatch.engines.choice import started
from stillwatch.engines.interface import Engine, Progress
from stillwatch.engines.local import SLICE
from stillwatch.errors import ConfigError, InputError
from stillwatch.logs import Quarantine, ReadOptions
from stillwatch.logs.byday import DAY_US
from stillwatch.profiles.days import Overlap, by_day, day_name, day_number, overlap
from stillwatch.profiles.phrases import FamilyTable, load_families, shipped_rules
from stillwatch.profiles.requests import READ
from stillwatch.profiles.store import merge_tables, read_profiles, write_profiles
from stillwatch.profiles.table import ProfileTable

RUN_BYTES: Final = 8 << 30
"""Files that are read together at most: what a crash costs."""
_TOLD: Final = 0.001
"""Share of events seen before from which on it is told."""


@dataclass(frozen=True, slots=True)
class Updated:
    """What was done."""

    window: Path
    read: int
    """Files that were read."""
    known: int
    """Files that counted already, under their name or another."""
    redone: int
    """Runs that were read again, because a file in them was replaced."""
    rows: int
    bad: int
    late: int
    """Events of days that had left the window; not kept."""
    days: dict[str, int]
    """Events of each day of the window."""
    accounts: int
    notes: tuple[str, ...]


def update(
    paths: Sequence[str],
    state: Path,
    config: Config,
    days: int,
    *,
    format: str | None = None,  # noqa: A002  the option's name
    progress: Progress | None = None,
    today: int | None = None,
) -> Updated:
    """Read what is new in ``paths`` and slide the window of ``days`` days.

    Raises ``ConfigError`` where another process holds the state; what reading raises leaves the
    state as it was.
    """
    today = int(time.time() * 1e6) // DAY_US if today is None else today
    with _held(state):
        kept = book.load(state)
        _tidy(state, kept)
        todo = plan(paths, kept)
        works: list[tuple[Run | None, tuple[Stamp, ...]]] = [*todo.redo]
        works += [(None, files) for files in _groups(todo.new)]
        families = FamilyTable.compile(load_families((config.rules or shipped_rules()) / "phrases"))
        notes: list[str] = []
        made: list[Run] = []
        if works:
            with started(families, config.workers, config.spark) as engine:
                reader = _Reader(engine, config, format, state, progress)
                for instead, files in works:
                    run, tables, told = reader.read(kept.next, files)
                    run, tables = _within(run, tables, _first(kept, [*tables], days, today))
                    kept = _commit(state, kept, run, tables, instead)
                    made.append(run)
                    notes += told
        kept = _slide(state, kept, _first(kept, [], days, today))
        table, doubled = _window(state, kept, families.names)
        table.sort()
        write_profiles(table, state / "window.parquet")
    return Updated(
        state / "window.parquet", sum(len(run.files) for run in made),
        todo.known + len(todo.copies), len(todo.redo), sum(run.rows for run in made),
        sum(run.bad for run in made), sum(run.late for run in made), _events(kept), len(table),
        (*notes, *_doubts(doubled, todo.copies)),
    )  # fmt: skip


class _Reader:
    """Reads the files of a run to profiles by day."""

    def __init__(
        self,
        engine: Engine,
        config: Config,
        format: str | None,  # noqa: A002
        state: Path,
        progress: Progress | None,
    ) -> None:
        self._engine, self._state, self._progress = engine, state, progress
        self._options = ReadOptions(
            format=format,
            mapping=config.mapping,
            columns=READ,
            batch_rows=SLICE,
            encoded=True,
            by_day=True,
            bad_row_limit=config.bad_row_limit,
            bad_file_limit=config.bad_file_limit,
        )

    def read(
        self, number: int, files: Sequence[Stamp]
    ) -> tuple[Run, dict[int, ProfileTable], tuple[str, ...]]:
        path = self._state / f"quarantine-{number:06d}.jsonl"
        with Quarantine(path) as bad:
            names = [stamp.path for stamp in files]
            read = self._engine.read(names, self._options, bad, self._progress)
        if not bad.count:
            path.unlink(missing_ok=True)  # of a run of this number that died
        tables = by_day(read.table)
        rows = sum(_count(table) for table in tables.values())
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return Run(number, tuple(files), rows, bad.count, 0, now), tables, read.remarks


def _groups(files: Sequence[Stamp]) -> Iterator[tuple[Stamp, ...]]:
    """New files in runs of at most ``RUN_BYTES``, of one file at least."""
    group: list[Stamp] = []
    for each in files:
        if group and sum(one.bytes for one in group) + each.bytes > RUN_BYTES:
            yield tuple(group)
            group = []
        group.append(each)
    if group:
        yield tuple(group)


def _first(kept: Manifest, fresh: Sequence[int], days: int, today: int) -> int:
    """First day of the window: it ends with the newest day, but a wrong clock does not move it."""
    known = [day_number(name) for run in kept.runs for name in run.days]
    newest = max((day for day in (*known, *fresh) if day <= today + 1), default=today)
    return newest - days + 1


def _within(
    run: Run, tables: dict[int, ProfileTable], first: int
) -> tuple[Run, dict[int, ProfileTable]]:
    late = sum(_count(table) for day, table in tables.items() if day < first)
    inside = {day: table for day, table in tables.items() if day >= first}
    events = {day_name(day): _count(table) for day, table in inside.items()}
    return replace(run, late=late, days=events), inside


def _commit(
    state: Path,
    kept: Manifest,
    run: Run,
    tables: dict[int, ProfileTable],
    instead: Run | None,
) -> Manifest:
    folder = _folder(state, run)
    folder.mkdir(parents=True)
    for day, table in tables.items():
        table.sort()
        path = folder / f"{day_name(day)}.parquet"
        write_profiles(table, path)
        book.sync(path)
    for each in (folder, folder.parent, state):
        book.sync(each)
    after = kept.with_run(run, instead)
    book.save(state, after)
    if instead is not None:
        shutil.rmtree(_folder(state, instead))
    return after


def _slide(state: Path, kept: Manifest, first: int) -> Manifest:
    """Let go of days before ``first``; that their files were read is remembered."""
    gone = [(run, name) for run in kept.runs for name in run.days if day_number(name) < first]
    if not gone:
        return kept
    left = {
        run.number: {name: n for name, n in run.days.items() if day_number(name) >= first}
        for run in kept.runs
    }
    runs = tuple(replace(run, days=left[run.number]) for run in kept.runs)
    after = Manifest(runs, kept.next)
    book.save(state, after)
    for run, name in gone:
        (_folder(state, run) / f"{name}.parquet").unlink(missing_ok=True)
    return after


def _window(state: Path, kept: Manifest, families: Sequence[str]) -> tuple[ProfileTable, Overlap]:
    """All days that are kept, merged, and how many of their events were met twice."""
    table, seen, sampled = ProfileTable(families), 0, 0
    for day in sorted({name for run in kept.runs for name in run.days}):
        whole = ProfileTable(families)
        for run in kept.runs:
            if day in run.days:
                path = _folder(state, run) / f"{day}.parquet"
                part = read_profiles(path)
                twice = overlap(part, whole)
                seen, sampled = seen + twice.seen, sampled + twice.sampled
                merge_tables(whole, part, str(path))
        table.merge(whole)
    return table, Overlap(seen, sampled)


def _doubts(doubled: Overlap, copies: Sequence[str]) -> Iterator[str]:
    if doubled.seen and doubled.seen >= _TOLD * doubled.sampled:
        yield (
            f"about {doubled.seen / doubled.sampled:.1%} of the events of accounts that occur in "
            "several runs of a day were read before, in another file, and count twice: look for "
            "files that repeat others"
        )
    if copies:
        more = f" and {len(copies) - 3} more" if len(copies) > 3 else ""
        yield f"read before under another name, not again: {', '.join(copies[:3])}{more}"


def _events(kept: Manifest) -> dict[str, int]:
    days: dict[str, int] = {}
    for run in kept.runs:
        for name, events in run.days.items():
            days[name] = days.get(name, 0) + events
    return dict(sorted(days.items()))


def _count(table: ProfileTable) -> int:
    return int(table.profiles["events"].sum())


def _folder(state: Path, run: Run) -> Path:
    return state / "runs" / f"{run.number:06d}"


def _tidy(state: Path, kept: Manifest) -> None:
    """Remove what a run that died left behind: runs that no manifest names."""
    named = {_folder(state, run).name for run in kept.runs}
    for folder in (state / "runs").glob("*"):
        if folder.name not in named:
            shutil.rmtree(folder)


@contextmanager
def _held(state: Path) -> Iterator[None]:
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (state / "lock").open("w")
    except OSError as error:
        raise InputError(
            f"cannot write to {state}: {error.strerror}", hint="name a --state of your own"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"another run uses {state}", hint="wait for it, or name another --state"
            ) from None
        yield
