"""What the state does to the disk, each act whole or not at all, and on the disk when it returns."""

import os
from pathlib import Path

from stillwatch.errors import StillwatchError
from stillwatch.profiles.store import write_profiles
from stillwatch.profiles.table import ProfileTable


class NotWritten(StillwatchError):
    """Something could not be brought to the disk; what was there stays."""


class Disk:
    """The acts; every one raises ``NotWritten``."""

    def profiles(self, table: ProfileTable, path: Path) -> None:
        """Write a new file of profiles."""
        try:
            write_profiles(table, path)
            _flush(path)
        except (OSError, StillwatchError) as error:
            raise NotWritten(f"cannot write {path}: {_why(error)}") from error

    def replace(self, path: Path, data: bytes) -> None:
        """Put ``data`` in the place of a file."""
        partial = path.with_name(f".{path.name}.partial")
        try:
            with partial.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
            _flush(path.parent)
        except OSError as error:
            raise NotWritten(f"cannot write {path}: {error.strerror}") from error

    def append(self, path: Path, size: int, data: bytes) -> None:
        """Make ``path`` its first ``size`` bytes and ``data``."""
        try:
            with path.open("ab") as file:
                file.truncate(size)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise NotWritten(f"cannot write {path}: {error.strerror}") from error

    def remove(self, path: Path) -> None:
        """Remove a file that nothing names any more."""
        path.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _why(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
