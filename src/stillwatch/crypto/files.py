"""Files of secrets: only their owner reads them, they are written whole and never overwritten."""

import os
import stat
from pathlib import Path

from stillwatch.errors import ConfigError


def refuse_readable(path: Path, mode: int, advice: str, what: str = "key file") -> None:
    """Raise ``ConfigError`` if others than the owner may use a file of this mode (POSIX).

    ``advice`` says what to do about a secret that others may have seen.
    """
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise ConfigError(
            f"{what} {path} can be read by others (mode {stat.S_IMODE(mode):o})",
            hint=f"chmod 600 {path}, and {advice} if others had access",
        )


def write_new(path: Path, data: bytes) -> None:
    """Write a new key file of mode 0600, durably.

    Raises ``ConfigError`` if the file exists or cannot be written: a key is never overwritten.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise ConfigError(
            f"key file {path} exists", hint="keys are never overwritten: move it away first"
        ) from error
    except OSError as error:
        raise ConfigError(f"key file {path} cannot be written ({error.strerror})") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        _sync_folder(path.parent)
    except OSError as error:
        path.unlink(missing_ok=True)  # half a key is none
        raise ConfigError(f"key file {path} cannot be written ({error.strerror})") from error


def _sync_folder(folder: Path) -> None:
    """Make the name of a new file durable, where folders can be opened (POSIX)."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
