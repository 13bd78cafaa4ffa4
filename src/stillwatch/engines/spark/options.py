"""How a cluster is reached and how work is cut for it."""

from dataclasses import dataclass
from typing import Final

SPLIT_BYTES: Final = 128 << 20
"""About a minute of work for one core; as large as HDFS and most lakes cut files."""
FAN_IN: Final = 1024
"""Splits whose partials of one account meet in one task (1024 packed profiles are 2 to 8 MB)."""


@dataclass(frozen=True, slots=True)
class SparkOptions:
    """Settings of the Spark engine."""

    master: str | None = None
    """Master URL; ``None`` for what spark-submit or Spark's own configuration names, else all
    cores of this machine."""
    conf: tuple[tuple[str, str], ...] = ()
    """Spark's own settings, name and value; they win over those made here."""
    verbose: bool = False
    """Whether the Java side may write to the terminal."""
    split_bytes: int = SPLIT_BYTES
    """Largest part of a file that one task reads, where files can be divided."""
    fan_in: int = FAN_IN
    """Partials of one account that one task merges at most; at least 2."""
    merge_tasks: int = 0
    """Tasks that merge; 0 for one per split, but at most 2000 and at least one per core."""
