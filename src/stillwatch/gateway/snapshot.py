"""What a gateway knows, on disk: so that it starts with something when its source is down.

Rules: written beside, synced, and put in place as a whole, readable by its owner only. A file that
is damaged, cut short, of another source, of a format or an instant to come is refused and kept
aside for whoever looks into it.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from stillwatch.errors import StillwatchError, StoredDataError
from stillwatch.gateway.blocks import LIMITS, decoded, encoded, opened, sealed
from stillwatch.gateway.knowledge import Knowledge
from stillwatch.gateway.table import Table, loaded

FORMAT: Final = "stillwatch decisions 1"
_AHEAD_S: Final = 3600.0
_PART: Final = ".part"
_LEFT_S: Final = 3600.0


class Snapshot(NamedTuple):
    """What was known at an instant."""

    table: Table
    seq: int
    now: float
    """Seconds since 1970, by the source's clock."""


def write(path: Path, knowledge: Knowledge, source: str) -> int:
    """Keep what is known of a source (by its identity); how many bytes. Raises ``OSError``."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _clear(path)
    descriptor, beside = tempfile.mkstemp(_PART, path.name + ".", path.parent)  # 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            for line in sealed(_lines(knowledge, source)):
                file.write(line)
            size = file.tell()
            file.flush()
            os.fsync(file.fileno())
        Path(beside).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(beside).unlink()
        raise
    _sync(path.parent)
    return size


def read(path: Path, source: str, now: float) -> Snapshot | None:
    """What was kept; None where there is nothing. Raises ``StoredDataError``."""
    try:
        with path.open("rb") as file:
            lines = opened(iter(lambda: file.readline(LIMITS.line + 1), b""))
            head = _head(next(lines), source, now)
            table = loaded(decoded(line, place) for place, line in enumerate(lines, 2))
    except FileNotFoundError:
        return None
    except (StillwatchError, OSError, StopIteration) as error:
        why = getattr(error, "message", None) or str(error) or "it is empty"
        raise StoredDataError(
            f"the snapshot {path} was not used: {why}", hint="the source makes a new one"
        ) from error
    return Snapshot(table, head["seq"], head["now"])


def set_aside(path: Path) -> Path:
    """Move a file that was refused out of the way; where to."""
    aside = path.with_name(path.name + ".refused")
    with suppress(OSError):
        path.replace(aside)
    return aside


def _lines(knowledge: Knowledge, source: str) -> Iterator[bytes]:
    age = knowledge.age_s() or 0.0
    seq, blocks = knowledge.blocks()
    now = knowledge.clock.now() - age
    yield orjson.dumps({"format": FORMAT, "source": source, "seq": seq, "now": now})
    for block in blocks:
        yield encoded(block)


def _head(line: bytes, source: str, now: float) -> dict[str, Any]:
    try:
        head: dict[str, Any] = orjson.loads(line)
        kind, of, seq, at = head["format"], head["source"], head["seq"], head["now"]
    except (ValueError, KeyError, TypeError) as error:
        raise StoredDataError("it is no snapshot of decisions") from error
    if kind != FORMAT:
        raise StoredDataError(f"it is of the format {str(kind)[:60]!r}, not {FORMAT!r}")
    if of != source:
        raise StoredDataError("it is of another source")
    if type(seq) is not int or type(at) not in (int, float):
        raise StoredDataError("its number or its time cannot be read")
    if at > now + _AHEAD_S:
        raise StoredDataError("it is of an instant to come: which clock is wrong?")
    return head


def _clear(path: Path) -> None:
    """Remove what writers that were killed have left; those at work have touched theirs lately."""
    for left in path.parent.glob(f"{path.name}.*{_PART}"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _LEFT_S:
                left.unlink()


def _sync(folder: Path) -> None:
    """Make the new name durable, where folders can be opened (POSIX)."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
