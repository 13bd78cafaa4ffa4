"""What an engine is: request logs in, one profile per account out.

Profiles are whole numbers whose merge does not depend on any order, so all engines give the same
bytes for the same events; no detector can tell which one fed it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from stillwatch.logs import Quarantine, ReadOptions
from stillwatch.profiles.table import ProfileTable

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

Progress = Callable[[int, int], None]
"""Called with the bytes read so far and the bytes in all."""


@dataclass(frozen=True, slots=True)
class Read:
    """Logs as profiles, and what was noticed on the way."""

    table: ProfileTable
    formats: tuple[str, ...]
    """Names of the formats that were found, sorted."""
    remarks: tuple[str, ...]
    """What was not read whole, in sentences."""
    home: "DataFrame | None" = None
    """The same profiles on the executors, in blocks (``spark.merging``), for as long as the engine runs;
    only where it was asked to keep them."""


class Engine(Protocol):
    """Turns logs into profiles."""

    def read(
        self,
        paths: Sequence[str],
        options: ReadOptions,
        quarantine: Quarantine,
        progress: Progress | None = None,
    ) -> Read:
        """Profiles of all events of ``paths``; bad rows go to ``quarantine``.

        Raises ``InputError`` for what cannot be read, ``TooManyBadRows`` above the limit,
        ``EmptyInput`` where no event is.
        """
