"""Instants as the hub keeps them, microseconds since 1970 in UTC, and as it writes them."""

import time

from stillwatch.intel.objects import format_time


def now() -> int:
    """The hub's clock."""
    return time.time_ns() // 1000


def instant(at: int) -> str:
    """RFC 3339 with microseconds and Z, as TAXII demands it.

    >>> instant(0)
    '1970-01-01T00:00:00.000000Z'
    """
    return format_time(at, 6)


def maybe(at: int | None) -> str | None:
    """The same for what may not have happened."""
    return None if at is None else instant(at)
