"""A folder to which files are added, in any order and of any format, or in which some grow.

Rules
    * A file that stands on lines is followed like any log file, its rotation included.
    * A file that is written once is read when it is whole, then never again unless it is replaced.
    * One file that cannot be used stops nothing: it is told, counted, and tried again when it changes.
    * Only known suffixes are read, hidden files never, as ``detect`` does.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from stillwatch.errors import InputError
from stillwatch.logs import ReadOptions
from stillwatch.logs.inputs import is_log_name
from stillwatch.watch.interface import Bounds, Position, Taken
from stillwatch.watch.rotated import LogFile, beside, goes_on
from stillwatch.watch.whole import Stamp, Whole, is_finished, is_whole_kind, stamp_of

_LOOK_S: Final = 1.0
"""Seconds between two looks at the names in the folder."""
_DONE: Final = -1
"""Batches of a file that was read to its end."""


class Folder:
    """A source: everything in a folder."""

    def __init__(
        self,
        path: Path,
        options: ReadOptions,
        bounds: Bounds,
        position: Position | None = None,
        *,
        only: str | None = None,
    ) -> None:
        """``only``: follow the one file of this name, whatever its suffix."""
        self._only = only
        self._path, self._options, self._bounds = path, options, bounds
        said = position or {"growing": {}, "whole": {}}
        self._growing: dict[str, LogFile] = {}
        self._saved: dict[str, Position] = dict(said["growing"])
        self._whole: dict[str, Position] = dict(said["whole"])
        self._open: tuple[str, Whole] | None = None
        self._seen: dict[str, Stamp] = {}
        """Stamps of files at the last look: what still changes is not whole."""
        self._refused: dict[str, tuple[Stamp, str]] = {}
        self._waiting: dict[str, Stamp] = {}
        self._looked = -_LOOK_S
        self._turn: Iterator[LogFile] = iter(())

    @property
    def name(self) -> str:
        """See ``Source``."""
        return str(self._path / self._only) if self._only else str(self._path)

    @property
    def ended(self) -> bool:
        """See ``Source``."""
        return False

    def take(self, *, last: bool = False) -> Taken | None:
        """See ``Source``."""
        if time.monotonic() - self._looked >= _LOOK_S or last:
            self._look(last=last)
        if (taken := self._from_whole()) is not None:
            return taken
        for _ in range(len(self._growing)):
            file = next(self._turn, None)
            if file is None:
                self._turn = iter(list(self._growing.values()))
                file = next(self._turn)
            if (taken := self._from(file, last=last)) is not None:
                return taken
        return None

    def position(self) -> Position:
        """See ``Source``."""
        whole = dict(self._whole)
        if self._open is not None:
            whole[self._open[0]] = self._open[1].position()
        growing = {name: file.position() for name, file in self._growing.items()}
        return {"growing": {**self._saved, **growing}, "whole": whole}

    def durable(self) -> None:
        """See ``Source``: a folder does not care."""

    def backlog(self) -> int:
        """See ``Source``."""
        ahead = sum(stamp[2] for name, stamp in self._seen.items() if self._pending(name, stamp))
        return ahead + sum(file.backlog() for file in self._growing.values())

    def remarks(self) -> Sequence[str]:
        """See ``Source``."""
        told = [f"{name} was passed over: {why}" for name, (_, why) in self._refused.items()]
        told += [f"{name} is not whole yet; it is waited for." for name in self._waiting]
        growing = [remark for file in self._growing.values() for remark in file.remarks()]
        return (*told, *growing)

    def close(self) -> None:
        """See ``Source``."""
        for file in self._growing.values():
            file.close()

    def _pending(self, name: str, stamp: Stamp) -> bool:
        if name in self._growing or name in self._refused:
            return False
        known = self._whole.get(name)
        return known is None or tuple(known["stamp"]) != stamp or known["batches"] != _DONE

    def _look(self, *, last: bool) -> None:
        """Find out what is new."""
        self._looked = time.monotonic()
        before, self._seen = self._seen, dict(self._stamps())
        for gone in self._whole.keys() - self._seen.keys():
            del self._whole[gone]
        self._renamed()
        self._rest()
        for name in list(self._saved):
            stamp = self._seen.get(name)
            if stamp is None and _read_to(self._saved[name]) is not None:
                del self._saved[name]  # read whole, then removed
            elif not (stamp and self._is_quiet(name, stamp)):
                self._follow(name)  # if it is gone, the rest of it may lie beside
        for name, stamp in self._seen.items():
            known = name in self._growing or name in self._saved
            if not known and not self._is_refused(name, stamp):
                self._sort(name, stamp, last=last, same=before.get(name) == stamp)

    def _is_refused(self, name: str, stamp: Stamp) -> bool:
        if name in self._refused and self._refused[name][0] != stamp:
            del self._refused[name]
        return name in self._refused

    def _is_quiet(self, name: str, stamp: Stamp) -> bool:
        """Whether a file that is not open was read to its end, or refused, as it is now."""
        return self._is_refused(name, stamp) or _read_to(self._saved[name]) == (
            *stamp[:2],
            stamp[2],
        )

    def _rest(self) -> None:
        """Close files that were read to their end and are quiet: a folder may hold many."""
        for name, file in list(self._growing.items()):
            stamp, said = self._seen.get(name), file.position()
            quiet = stamp and time.time() - stamp[3] / 1e9 >= self._bounds.retire_s
            if stamp and quiet and _read_to(said) == stamp[:3]:
                self._saved[name] = said
                self._growing.pop(name).close()

    def _renamed(self) -> None:
        """A file that has another name now is the same file."""
        names = {stamp[:2]: name for name, stamp in self._seen.items()}
        for old, file in list(self._growing.items()):
            new = names.get(file.node or (0, 0))
            if old not in self._seen and new is not None and new not in self._growing:
                file.moved(self._path / new)
                self._growing[new] = self._growing.pop(old)
        for old in self._saved.keys() - self._seen.keys():
            parts = self._saved[old]["parts"]
            new = names.get(tuple(parts[-1]["node"])) if parts else None
            if new is not None and new not in self._saved and _is_at(parts[-1], self._path / new):
                said = self._saved.pop(old)
                said["parts"][-1]["path"] = str(self._path / new)
                self._saved[new] = said

    def _stamps(self) -> Iterator[tuple[str, Stamp]]:
        if self._only is not None:
            with suppress(OSError):
                yield self._only, stamp_of(self._path / self._only)
            return
        for folder, folders, names in os.walk(self._path, onerror=self._unreadable):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                path = Path(folder, name)
                if is_log_name(path) and not name.startswith("."):
                    try:
                        yield str(path.relative_to(self._path)), stamp_of(path)
                    except OSError:
                        continue  # renamed between the two

    def _unreadable(self, error: OSError) -> None:
        raise InputError(
            f"cannot read {error.filename}: {error.strerror}", hint="check the permissions"
        ) from error

    def _sort(self, name: str, stamp: Stamp, *, last: bool, same: bool) -> None:
        """Follow a new file if it stands on lines, read it when it is whole if not."""
        if not self._pending(name, stamp):
            return
        path = self._path / name
        if any(file.holds(path, stamp[:2]) for file in self._growing.values()):
            self._whole[name] = {"stamp": list(stamp), "batches": _DONE}  # rotated: read elsewhere
            return
        try:
            with path.open("rb") as file:
                head = file.read(self._options.limits.head_bytes)
        except OSError as error:
            self._refused[name] = (stamp, str(error.strerror))
            return
        kind = is_whole_kind(head)
        if kind is False or (kind is None and head and last):
            self._follow(name)
        elif kind and (same or last) and self._waiting.get(name) != stamp:
            if is_finished(path):
                self._waiting.pop(name, None)
                if tuple(self._whole.get(name, {}).get("stamp", ())) != stamp:
                    self._whole[name] = {"stamp": list(stamp), "batches": 0}
            else:
                self._waiting[name] = stamp

    def _follow(self, name: str) -> None:
        file = LogFile(
            self._path / name, self._options, self._bounds, self._saved.pop(name, None),
            alone=False,
        )  # fmt: skip
        self._growing[name] = file

    def _from(self, file: LogFile, *, last: bool) -> Taken | None:
        try:
            return file.take(last=last)
        except InputError as error:
            name = str(Path(file.name).relative_to(self._path))
            self._refuse(name, error)
            self._saved[name] = file.position()
            self._growing.pop(name).close()
            return None

    def _from_whole(self) -> Taken | None:
        while self._open is None:
            name = next((n for n, said in self._whole.items() if self._readable(n, said)), None)
            if name is None:
                return None
            try:
                self._open = (name, Whole(self._path / name, self._options, self._whole[name]))
            except (InputError, OSError) as error:
                self._refuse(name, error)
        name, file = self._open
        try:
            taken = file.take()
        except InputError as error:
            self._refuse(name, error)
            taken = None
        if taken is None:
            self._whole[name] = {**file.position(), "batches": _DONE}
            self._open = None
            return self._from_whole()
        return taken

    def _readable(self, name: str, said: dict[str, Any]) -> bool:
        known = self._seen.get(name)
        return said["batches"] != _DONE and name not in self._refused and known is not None

    def _refuse(self, name: str, error: Exception) -> None:
        stamp = self._seen.get(name, (0, 0, 0, 0))
        self._refused[name] = (stamp, str(error))


def _read_to(said: Position) -> tuple[int, int, int] | None:
    """Device, inode and size of a file of one part, as far as it was read; else None."""
    parts = said["parts"]
    return (*parts[0]["node"], parts[0]["offset"]) if len(parts) == 1 else None


def _is_at(said: Position, path: Path) -> bool:
    """Whether what was read of a file lies at another path now."""
    with beside(path) as handle:
        return handle is not None and goes_on(said, handle)
