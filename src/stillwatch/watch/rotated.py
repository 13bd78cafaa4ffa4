"""A log file that grows and is rotated, by renaming, by copying and truncating, packed or not.

Rules
    * A renamed file is read to its end, and some time on, for its writer may still hold it.
    * A file that was truncated or rewritten is another file; what had not been read of the old
      one is looked for in the copies beside it.
    * Of rotated files that appeared while nobody looked, those not seen before are read whole.
    * Files are told apart by what is in them (``handles.Print``), not by name or inode alone.
"""

import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from stillwatch.errors import InputError
from stillwatch.logs import ReadOptions
from stillwatch.logs.inputs import is_log_name
from stillwatch.watch.handles import Handle, Packed, Plain, Print, opened
from stillwatch.watch.interface import Bounds, Position, Taken
from stillwatch.watch.part import Part

_NUMBER: Final = r"[.\-_]?\d[\dTZ:._\-]*"
_REMEMBERED: Final = 200
"""Beginnings of files that were read to their end."""
_PACKED: Final = r"(?:\.(?:gz|zst|zstd))?"


class LogFile:
    """A source: one log file and what became of it."""

    def __init__(
        self,
        path: Path,
        options: ReadOptions,
        bounds: Bounds,
        position: Position | None = None,
        *,
        alone: bool = True,
    ) -> None:
        """``alone``: nobody else reads the files beside it, whatever their names."""
        self._alone = alone
        self._path, self._options, self._bounds = path, options, bounds
        self._parts: list[Part] = []
        """The oldest first; the last one is at the path, if anything is."""
        self._known: list[Print] = []
        """Beginnings of the rotated files that need not be read."""
        self._lost: list[str] = []
        self._here = False
        if position is None:
            self._known = [m for p, m in self._siblings() if self._alone or not is_log_name(p)]
        else:
            self._resume(position)
        self._look()

    @property
    def name(self) -> str:
        """See ``Source``."""
        return str(self._path)

    @property
    def ended(self) -> bool:
        """See ``Source``."""
        return False

    def take(self, *, last: bool = False) -> Taken | None:
        """See ``Source``."""
        self._look()
        for part in list(self._parts):
            here = part is self._parts[-1] and self._here
            gone = not here and (
                isinstance(part.handle, Packed)
                or part.handle.quiet(time.time()) >= self._bounds.retire_s
            )
            if (taken := part.take(last=last, gone=gone)) is not None:
                return taken
            if gone and not part.backlog():
                part.close()
                self._parts.remove(part)
                self._known.append(part.head)
        return None

    def position(self) -> Position:
        """See ``Source``."""
        return {
            "parts": [part.position() for part in self._parts],
            "here": self._here,
            "known": [mark.record() for mark in self._known],
        }

    def durable(self) -> None:
        """See ``Source``: a file does not care."""

    def backlog(self) -> int:
        """See ``Source``."""
        return sum(part.backlog() for part in self._parts)

    def remarks(self) -> Sequence[str]:
        """See ``Source``."""
        missing = () if self._here else (f"{self._path} is not there; it is waited for.",)
        return (*missing, *self._lost)

    def close(self) -> None:
        """See ``Source``."""
        for part in self._parts:
            part.close()

    @property
    def node(self) -> tuple[int, int] | None:
        """Device and inode of the newest part."""
        return self._node(self._parts[-1]) if self._parts else None

    def moved(self, path: Path) -> None:
        """The newest part has another name now, and so has the log."""
        self._path = self._parts[-1].path = path

    def holds(self, path: Path, node: tuple[int, int]) -> bool:
        """Whether a file is one of the parts, renamed or copied."""
        if any(self._node(part) == node for part in self._parts):
            return True
        with beside(path) as handle:
            held = [*self._known, *(part.head for part in self._parts)]
            return handle is not None and self._named(path) and _any(held, handle)

    def _look(self) -> None:
        """Notice what became of the file since the last look."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self._here = False
            return
        except OSError as error:
            raise InputError(
                f"cannot read {self._path}: {error.strerror}", hint="check the permissions"
            ) from error
        node, part = (status.st_dev, status.st_ino), self._parts[-1] if self._parts else None
        if part is not None and self._node(part) == node and part.same():
            self._here = True
            return
        if part is not None and self._node(part) == node:
            self._truncated(part)
        elif part is not None or self._known:
            self._missed()
        self._begin()

    def _begin(self) -> None:
        try:
            handle = Plain(self._path)
        except FileNotFoundError:
            self._here = False
            return
        except OSError as error:
            raise InputError(
                f"cannot open {self._path}: {error.strerror}", hint="check the permissions"
            ) from error
        self._parts.append(Part(self._path, handle, self._options, self._bounds))
        self._here = True

    def _truncated(self, part: Part) -> None:
        """Read on in the copy that was made before the file was truncated, if there is one."""
        self._parts.remove(part)
        part.close()
        self._missed(part.position())

    def _missed(self, open_: Position | None = None) -> None:
        """Look through the files beside: for the rest of one that was read in part, and for new ones."""
        held = [part.head for part in self._parts if part.head.size]
        nodes = {self._node(part) for part in self._parts}
        for path, _ in self._siblings():
            with beside(path) as handle:
                if handle is None or (handle.node in nodes and _any(held, handle)):
                    continue
                rest = open_ is not None and goes_on(open_, handle)
                if not rest and not self._alone and is_log_name(path):
                    continue
                if not rest and (_any(held, handle) or _any(self._known, handle)):
                    continue
                if handle.node in nodes:
                    continue  # a part of which nothing was read yet
            position = open_ if rest else None
            self._parts.append(Part(path, opened(path), self._options, self._bounds, position))
            open_ = None if rest else open_
        if open_ is not None and open_["offset"]:
            self._known.append(Print(*open_["head"]))
        self._known = [mark for mark in self._known if mark.size][-_REMEMBERED:]

    def _resume(self, position: Position) -> None:
        self._known = [Print(*mark) for mark in position["known"]]
        for said in position["parts"]:
            where = self._found(said)
            if where is None:
                if said["offset"]:
                    self._lost.append(
                        f"{said['path']} is gone; what was written to it after byte "
                        f"{said['offset']:,} could not be read."
                    )
                    self._known.append(Print(*said["head"]))
                continue
            self._parts.append(Part(where, opened(where), self._options, self._bounds, said))
        self._here = bool(self._parts) and self._parts[-1].path == self._path

    def _found(self, said: Position) -> Path | None:
        """Where a file that was read in part is now; the same inode is tried first."""
        candidates = [Path(said["path"]), self._path, *(path for path, _ in self._siblings())]
        candidates.sort(key=lambda path: _node(path) != tuple(said["node"]))
        for path in dict.fromkeys(candidates):
            with beside(path) as handle:
                if handle is None:
                    continue
                known = said["offset"] > 0 or handle.node == tuple(said["node"])
                if known and goes_on(said, handle):
                    return path
        return None

    def _siblings(self) -> Iterator[tuple[Path, Print]]:
        """Rotated files beside, the oldest first, with their beginnings."""
        dated = []
        for path in filter(self._named, self._path.parent.iterdir()):
            try:
                dated.append((path.stat().st_mtime_ns, path))
            except OSError:
                continue  # renamed between the two
        for _, path in sorted(dated):
            with beside(path) as handle:
                if handle is not None and (head := handle.read(0, self._bounds.head_bytes)):
                    yield path, Print.of(handle, len(head), len(head))

    def _named(self, path: Path) -> bool:
        """Whether a name is that of the log file with what rotation adds."""
        stem, end = re.escape(self._path.stem), re.escape(self._path.suffix)
        added = rf"{stem}{end}(?:{_NUMBER}|[.\-_](?:old|bak|prev)){_PACKED}"
        return re.fullmatch(rf"{added}|{stem}{_NUMBER}{end}{_PACKED}", path.name) is not None

    @staticmethod
    def _node(part: Part) -> tuple[int, int] | None:
        node: tuple[int, int] | None = getattr(part.handle, "node", None)
        return node


class beside:  # noqa: N801  a context manager, used like contextlib's
    """A file beside, open; None where it went away meanwhile or is damaged."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: Plain | Packed | None = None

    def __enter__(self) -> Plain | Packed | None:
        try:
            self._handle = opened(self._path)
        except (OSError, InputError):
            self._handle = None
        return self._handle

    def __exit__(self, *_: object) -> None:
        if self._handle is not None:
            self._handle.close()


def _node(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _any(marks: Sequence[Print], handle: Handle) -> bool:
    return any(mark.size and mark.holds(handle) for mark in marks)


def goes_on(said: Position, handle: Handle) -> bool:
    """Whether a file has all that was read of another."""
    return Print(*said["head"]).holds(handle) and Print(*said["tail"]).holds(handle)
