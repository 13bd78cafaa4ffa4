"""Files that are there whole or not at all: a tool may read them while they are written."""

import os
from pathlib import Path

from stillwatch.errors import InputError


def write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place and move it there. Raises ``InputError``."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise InputError(f"{path} cannot be written ({error.strerror})") from error
