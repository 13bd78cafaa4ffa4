"""What a watcher knows, on the disk: profiles by day, and where every source goes on.

::

    state/manifest.json                   the generation: everything else is named in it
    state/day=2026-11-26.000017.parquet   profiles of a day, a part of them
    state/quarantine.jsonl                bad rows
    state/campaigns.json                  names of campaigns, see ``naming``
    state/lock                            held while a watcher runs

Rules
    * A generation is written as new files; the manifest takes the place of the old one last. Who is
      killed before has the old generation, who is killed after has the new one.
    * A day's parts are added to, not rewritten: eight of a size are merged into one of the next,
      beside the reading, and all of them once the day is over.
    * Profiles hold the beginnings of prompts: the directory is its owner's only.
    * ``detect`` reads the parts like any profile files; merged they are the day, byte for byte.
"""

import fcntl
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from stillwatch.errors import ConfigError, InputError, StoredDataError
from stillwatch.profiles.days import day_name, day_number
from stillwatch.profiles.store import merge_tables, read_profiles
from stillwatch.profiles.table import ProfileTable
from stillwatch.watch.disk import Disk
from stillwatch.watch.interface import Bad, Bounds, Position

_MANIFEST: Final = "manifest.json"
_QUARANTINE: Final = "quarantine.jsonl"
_VERSION: Final = 1
_FAN: Final = 8
"""Parts of a size that are merged into one."""
_LAST: Final = 99
"""Size of the one part of a day that is over."""
_PART: Final = re.compile(r"day=\d{4,}-\d\d-\d\d\.\d+\.parquet")
_PARTIAL: Final = re.compile(r"\..*\.partial")


class Stored(NamedTuple):
    """One part of a day."""

    name: str
    level: int
    """How many times its events were merged."""


@dataclass
class Manifest:
    """One generation."""

    id: str
    """Of the state; names the findings that come of it."""
    generation: int = 0
    serial: int = 0
    """Number of the next file."""
    days: dict[int, list[Stored]] = field(default_factory=dict)
    newest: int | None = None
    sources: dict[str, Position] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    quarantine: int = 0
    """Bytes of the quarantine that belong to it."""
    recent: list[list[int]] = field(default_factory=list)
    """Good and bad rows of the last blocks."""

    def dumped(self) -> bytes:
        """As JSON."""
        said: dict[str, Any] = {
            "version": _VERSION,
            "id": self.id,
            "generation": self.generation,
            "serial": self.serial,
            "newest": None if self.newest is None else day_name(self.newest),
            "days": {
                day_name(day): [list(part) for part in parts]
                for day, parts in sorted(self.days.items())
            },
            "sources": self.sources,
            "counts": self.counts,
            "quarantine": self.quarantine,
            "recent": self.recent,
        }
        return orjson.dumps(said, option=orjson.OPT_INDENT_2)

    @classmethod
    def loaded(cls, data: bytes, where: Path) -> "Manifest":
        """Inverse of ``dumped``. Raises ``StoredDataError``."""
        try:
            said = orjson.loads(data)
            if said["version"] != _VERSION:
                raise StoredDataError(
                    f"{where} is of version {said['version']}, this one reads {_VERSION}",
                    hint="begin anew with another --state",
                )
            days = {
                day_number(day): [Stored(*part) for part in parts]
                for day, parts in said["days"].items()
            }
            newest = None if said["newest"] is None else day_number(said["newest"])
            return cls(
                said["id"], said["generation"], said["serial"], days, newest,
                said["sources"], said["counts"], said["quarantine"], said["recent"],
            )  # fmt: skip
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise StoredDataError(
                f"{where} is damaged: {error}", hint="begin anew with another --state"
            ) from error


class State:
    """A state directory, held by this process."""

    def __init__(self, folder: Path, bounds: Bounds, disk: Disk | None = None) -> None:
        """Open, or make where there is none.

        Raises ``ConfigError`` where another watcher holds it, ``InputError`` where it cannot be
        written, ``StoredDataError`` where it is damaged.
        """
        self.folder = folder
        self._bounds, self._disk = bounds, disk or Disk()
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = _locked(folder / "lock")
        except OSError as error:
            raise InputError(
                f"cannot write to {folder}: {error.strerror}", hint="name a --state of your own"
            ) from error
        self._merger = ThreadPoolExecutor(1, thread_name_prefix="merge")
        self._merging: tuple[int, list[Stored], Future[Stored]] | None = None
        try:
            self.manifest = self._begun()
            self._tidy()
        except BaseException:
            os.close(self._lock)
            raise

    @property
    def quarantine(self) -> Path:
        """Where bad rows are kept."""
        return self.folder / _QUARANTINE

    def load(self, families: Sequence[str], first: int | None = None) -> ProfileTable:
        """All days from ``first`` on, merged. Raises ``StoredDataError``."""
        table = ProfileTable(families)
        for day, parts in sorted(self.manifest.days.items()):
            if first is None or day >= first:
                for part in parts:
                    path = self.folder / part.name
                    merge_tables(table, read_profiles(path), str(path))
        return table

    def commit(
        self,
        fresh: Mapping[int, ProfileTable],
        *,
        newest: int | None,
        first: int,
        sources: Mapping[str, Position],
        counts: Mapping[str, int],
        bad: Sequence[Bad],
        recent: list[list[int]],
    ) -> list[int]:
        """Write the next generation; the days that left the window with it.

        Raises ``NotWritten``: then the old generation stands, and the same may be tried again.
        """
        old = self.manifest
        serial, days = old.serial, {day: list(parts) for day, parts in old.days.items()}
        for day, table in sorted(fresh.items()):
            table.sort()
            name = _name(day, serial)
            self._disk.profiles(table, self.folder / name)
            days.setdefault(day, []).append(Stored(name, 0))
            serial += 1
        merged = self._merged(days)
        dropped = sorted(day for day in days if day < first)
        for day in dropped:
            del days[day]
        size = self._keep(bad)
        self.manifest = Manifest(
            old.id, old.generation + 1, serial, days, newest,
            {**old.sources, **sources}, dict(counts), size, recent,
        )  # fmt: skip
        try:
            self._disk.replace(self.folder / _MANIFEST, self.manifest.dumped())
        except BaseException:
            self.manifest = old
            raise
        if merged:
            self._merging = None
        self._tidy()
        self._merge()
        return dropped

    def settle(self) -> None:
        """Wait for the merging that goes on; the next ``commit`` takes it over."""
        if self._merging is not None:
            self._merging[2].exception()

    def close(self) -> None:
        """Let go of it; once more does nothing."""
        self._merger.shutdown(wait=True, cancel_futures=True)
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1

    def _begun(self) -> Manifest:
        """The generation that stands; the first one where there is none."""
        path = self.folder / _MANIFEST
        try:
            return Manifest.loaded(path.read_bytes(), path)
        except FileNotFoundError:
            if any(_PART.fullmatch(name) for name in os.listdir(self.folder)):  # noqa: PTH208
                raise StoredDataError(
                    f"{self.folder} holds profiles, but no {_MANIFEST}",
                    hint="bring it back, or begin anew with another --state",
                ) from None
        first = Manifest(secrets.token_hex(8))
        self._disk.replace(path, first.dumped())
        return first

    def _keep(self, bad: Sequence[Bad]) -> int:
        """Add bad rows to the quarantine, as far as there is room; its size then."""
        size = self.manifest.quarantine
        room = self._bounds.quarantine_bytes - size
        lines = []
        for row in bad:
            line = orjson.dumps(row._asdict(), option=orjson.OPT_APPEND_NEWLINE)
            room -= len(line)
            if room < 0:
                break
            lines.append(line)
        if lines:
            self._disk.append(self.quarantine, size, b"".join(lines))
        return size + sum(map(len, lines))

    def _tidy(self) -> None:
        """Remove files of ours that this generation does not name, and are not being made."""
        named = {part.name for parts in self.manifest.days.values() for part in parts}
        if self._merging is not None:
            return
        for name in os.listdir(self.folder):  # noqa: PTH208
            ours = _PART.fullmatch(name) or _PARTIAL.fullmatch(name)
            if ours and name not in named:
                self._disk.remove(self.folder / name)

    def _merge(self) -> None:
        """Begin to merge parts of a day, if some are due and none are being merged."""
        if self._merging is not None:
            return
        due = self._due()
        if due is None:
            return
        day, parts, level = due
        serial = self.manifest.serial
        self.manifest.serial += 1
        task = self._merger.submit(self._one, parts, Stored(_name(day, serial), level))
        self._merging = (day, parts, task)

    def _due(self) -> tuple[int, list[Stored], int] | None:
        for day, parts in sorted(self.manifest.days.items()):
            over = self.manifest.newest is not None and day < self.manifest.newest - 1
            if over and len(parts) >= _FAN:
                return day, parts, _LAST
            for start, part in enumerate(parts):
                run = parts[start : start + _FAN]
                if len(run) == _FAN and all(one.level == part.level for one in run):
                    return day, run, part.level + 1
        return None

    def _one(self, parts: Sequence[Stored], into: Stored) -> Stored:
        """Merge parts into one new file."""
        table: ProfileTable | None = None
        for part in parts:
            path = self.folder / part.name
            more = read_profiles(path)
            if table is None:
                table = more
            else:
                merge_tables(table, more, str(path))
        assert table is not None
        table.sort()
        self._disk.profiles(table, self.folder / into.name)
        return into

    def _merged(self, days: dict[int, list[Stored]]) -> bool:
        """Put what was merged meanwhile in the place of its parts; whether there was anything."""
        if self._merging is None or not self._merging[2].done():
            return False
        day, parts, task = self._merging
        if task.exception() is None and day in days:
            here = days[day].index(parts[0])
            days[day][here : here + len(parts)] = [task.result()]
        return True


def _name(day: int, serial: int) -> str:
    return f"day={day_name(day)}.{serial:06d}.parquet"


def _locked(path: Path) -> int:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        other = os.pread(fd, 32, 0).decode("ascii", "replace").strip()
        os.close(fd)
        raise ConfigError(
            f"another watcher (process {other}) uses {path.parent}",
            hint="end it, or name another --state",
        ) from None
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd
