"""What a source is, and every bound on one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import pyarrow as pa

from stillwatch.logs.interface import Tally

Position = dict[str, Any]
"""Where a source goes on, as JSON."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds on what is followed."""

    block_bytes: int = 4 << 20
    """Text taken at once."""
    block_rows: int = 16_384
    """Messages of a topic taken at once."""
    head_bytes: int = 4096
    """How much of the beginning of a file tells it from another."""
    tail_bytes: int = 512
    """How much before the position must still be as it was read."""
    retire_s: float = 60.0
    """A file that was rotated away is let go of when nothing was written to it for so long."""
    files: int = 100_000
    """Files of a folder that are remembered."""
    quarantine_bytes: int = 64 << 20
    """Bad rows kept for a look; more are only counted."""
    window_rows: int = 10_000
    """Rows over which the share of bad ones is judged."""
    least_rows: int = 1000
    """Rows before it is judged at all."""
    fresh: int = 32_768
    """Profiles that may wait for the disk, or as many as the window has accounts."""


class Bad(NamedTuple):
    """A row that cannot be used."""

    source: str
    line: int
    reason: str
    raw: str
    """Its beginning."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Events taken off a source. They count once ``accept`` was called: then the position moves."""

    batches: Sequence[pa.RecordBatch]
    accept: Callable[[], None]
    bad: Sequence[Bad] = ()
    tally: Tally = field(default_factory=Tally)
    size: int = 0
    """Bytes of the source."""

    @property
    def good(self) -> int:
        """Rows that can be used."""
        return sum(batch.num_rows for batch in self.batches)


class Source(Protocol):
    """Something that grows."""

    @property
    def name(self) -> str:
        """As the user names it; positions are kept under this name."""

    def take(self, *, last: bool = False) -> Taken | None:
        """What is there now, within the bounds; None: nothing at present.

        ``last``: nobody will look again for long, so what is complete in itself is taken too.
        """

    def position(self) -> Position:
        """Where to go on, after everything that was accepted."""

    def durable(self) -> None:
        """The position last asked for is on the disk."""

    def backlog(self) -> int:
        """Bytes, or messages of a topic, that are known to be there and were not taken."""

    def remarks(self) -> Sequence[str]:
        """What is amiss at present, in sentences."""

    @property
    def ended(self) -> bool:
        """Whether nothing can ever come any more."""

    def close(self) -> None:
        """Let go of files and connections."""
