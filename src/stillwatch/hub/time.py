"""Instants as the hub keeps them (microseconds since 1970, UTC) and as they travel (RFC 3339)."""

import time
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def now() -> int:
    """The hub's clock."""
    return time.time_ns() // 1000


def instant(at: int) -> str:
    """RFC 3339 with microseconds and Z, as TAXII and STIX write it.

    >>> instant(0)
    '1970-01-01T00:00:00.000000Z'
    """
    return (_EPOCH + at * _MICROSECOND).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def microseconds(text: str) -> int:
    """Microseconds of an RFC 3339 timestamp. Raises ``ValueError`` for anything else."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None or len(text) < 20:
        raise ValueError(f"{text!r} has no time zone; write it as 2026-01-31T12:00:00Z")
    return (at - _EPOCH) // _MICROSECOND
