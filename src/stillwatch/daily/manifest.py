"""What was read: a JSON file that takes the place of the old one last, so a crash leaves either."""

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from stillwatch.errors import InputError, StoredDataError

NAME: Final = "manifest.json"
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells one file from another."""

    path: str
    bytes: int
    digest: str
    """SHA-256 of the bytes; for an object in a store ``size:PATH:BYTES``, which is all it tells."""
    changed_ns: int = 0
    """When it was written; equal size and time spare reading it for its digest."""


@dataclass(frozen=True, slots=True)
class Run:
    """Files that were read together."""

    number: int
    files: tuple[Stamp, ...]
    rows: int
    bad: int
    late: int
    read_at: str
    days: dict[str, int] = field(default_factory=dict)
    """Events by day, of the days that are kept."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """All runs."""

    runs: tuple[Run, ...] = ()
    next: int = 1

    @property
    def digests(self) -> frozenset[str]:
        """Of all files that count."""
        return frozenset(stamp.digest for run in self.runs for stamp in run.files)

    def known(self, path: str) -> Stamp | None:
        """The file of that name as it was read last."""
        found = (stamp for run in reversed(self.runs) for stamp in run.files if stamp.path == path)
        return next(found, None)

    def with_run(self, run: Run, instead: Run | None = None) -> "Manifest":
        """The manifest with a run more, in the place of one that was redone."""
        others = (each for each in self.runs if instead is None or each.number != instead.number)
        return Manifest((*others, run), run.number + 1)


def load(state: Path) -> Manifest:
    """The manifest of a state directory, empty where there is none.

    Raises ``StoredDataError`` where it is damaged.
    """
    path = state / NAME
    if not path.exists():
        return Manifest()
    try:
        said: dict[str, Any] = orjson.loads(path.read_bytes())
        if said["version"] != _VERSION:
            raise StoredDataError(f"{path} is of version {said['version']}", hint="begin anew")
        runs = tuple(
            Run(**{**run, "files": tuple(Stamp(**each) for each in run["files"])})
            for run in said["runs"]
        )
        return Manifest(runs, said["next"])
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise StoredDataError(
            f"{path} is damaged: {error}", hint="bring it back, or begin anew with another --state"
        ) from error


def save(state: Path, manifest: Manifest) -> None:
    """Put it in place, on the disk when this returns."""
    path = state / NAME
    partial = path.with_name(f".{NAME}.partial")
    said = {"version": _VERSION, "next": manifest.next, "runs": _plain(manifest.runs)}
    try:
        with partial.open("wb") as file:
            file.write(orjson.dumps(said, option=orjson.OPT_INDENT_2))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        sync(state)
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror}", hint="make room, and run again"
        ) from error


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _plain(runs: Sequence[Run]) -> list[dict[str, Any]]:
    return [asdict(run) for run in runs]
