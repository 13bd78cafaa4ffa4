"""The mapping file's time settings: a fixed epoch unit, a zone for times that have none.

Without settings nothing is done here: units are told by size and a time without a zone is UTC.
Times that a change of the clock makes ambiguous are taken as the earlier, ones that it skips
as the next that exists.
"""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types as at

from stillwatch.logs.mapping import ColumnMapping
from stillwatch.logs.values import read_moment, to_micros

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def clocked(given: pa.Array | list[Any], mapping: ColumnMapping | None) -> pa.Array | list[Any]:
    """Apply unit and zone to a timestamp column as a reader found it; keep what they do not fit."""
    if mapping is None or (mapping.unit is None and mapping.zone is None):
        return given
    if isinstance(given, pa.Array):
        if at.is_timestamp(given.type):
            naive = given.type.tz is None and mapping.zone is not None
            return _zoned(given, str(mapping.zone)) if naive else given
        given = [scalar.as_py() for scalar in given]
    zone = None if mapping.zone is None else ZoneInfo(mapping.zone)
    return [_clocked(cell, mapping.unit, zone) for cell in given]


def _zoned(array: pa.Array, zone: str) -> pa.Array:
    return pc.assume_timezone(array, zone, ambiguous="earliest", nonexistent="latest")


def _clocked(cell: Any, unit: str | None, zone: ZoneInfo | None) -> Any:
    """Return microseconds where a setting applies, else the cell for the usual way."""
    try:
        if isinstance(cell, str):
            cell = read_moment(cell.strip())
        if isinstance(cell, datetime):
            if cell.tzinfo is None and zone is not None:
                cell = cell.replace(tzinfo=zone)
            return to_micros(cell)
        return to_micros(cell, unit)
    except (ValueError, OverflowError):
        # a number out of range in the unit that was named must not be guessed at again
        return cell if unit is None else f"{cell} {unit}"
