"""One value at a time: the slow, careful way in for cells that a whole-column cast refused.

Each function takes any Python value and returns the canonical one or ``None`` for an absent
one, and raises ``ValueError`` for a value that is present but not of the type.

>>> to_int("12"), to_int(" "), to_bool("TRUE"), to_text(7)
(12, None, True, '7')
>>> to_micros("2026-01-02T03:04:05+02:00") == to_micros(1767315845)
True
"""

import math
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from stillwatch.domain.tables import ColumnType

EARLIEST_MICROS: Final = 946_684_800_000_000
"""2000-01-01: no language model was served before; earlier means a wrong unit or an unset clock."""
LATEST_MICROS: Final = 7_258_118_400_000_000
"""2200-01-01."""
UNIT_MICROS: Final = {"s": 1_000_000, "ms": 1_000, "us": 1}
INT32_MAX: Final = 2**31 - 1
INT64_MAX: Final = 2**63 - 1
FLOAT32_MAX: Final = 3.4028234e38

_TRUE: Final = frozenset({"true", "t", "1", "yes", "y", "on"})
_FALSE: Final = frozenset({"false", "f", "0", "no", "n", "off"})


def to_text(value: Any) -> str | None:
    """Return the text of a scalar; numbers are written out, whole floats without ``.0``."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return str(int(value)) if value.is_integer() else str(value)
    if isinstance(value, int | Decimal | date):
        return str(value)
    raise ValueError(f"{type(value).__name__} is no text")


def to_number(value: Any) -> float | int | None:
    """Return the number of a scalar: finite, zero or more."""
    if isinstance(value, bytes):
        value = value.decode("utf-8")
    if isinstance(value, str):
        value = value.strip()
        if not value:
            return None
        value = float(value) if not value.isdecimal() or len(value) > 19 else int(value)
    if value is None or isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        if value is None:
            return None
        raise ValueError("no number")
    if isinstance(value, float) and math.isnan(value):
        return None
    if not math.isfinite(value) or value < 0:
        raise ValueError("negative or infinite")
    return float(value) if isinstance(value, Decimal) else value


def to_int(value: Any, largest: int = INT32_MAX) -> int | None:
    """Return a whole number from 0 to ``largest``."""
    number = to_number(value)
    if number is None:
        return None
    whole = int(number)
    if whole != number or whole > largest:
        raise ValueError("not whole or too large")
    return whole


def to_int64(value: Any) -> int | None:
    """Return a whole number from 0 to 2**63 - 1."""
    return to_int(value, INT64_MAX)


def to_float(value: Any) -> float | None:
    """Return a number from 0 to the largest single-precision one."""
    number = to_number(value)
    if number is not None and number > FLOAT32_MAX:
        raise ValueError("too large")
    return None if number is None else float(number)


def to_bool(value: Any) -> bool | None:
    """Return the truth value of a boolean, 0, 1 or a word for one."""
    if value is None or isinstance(value, bool):
        return value
    word = to_text(value)
    word = "" if word is None else word.strip().lower()
    if not word:
        return None
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise ValueError("no truth value")


def to_micros(value: Any, unit: str | None = None) -> int | None:
    """Return microseconds since 1970 UTC of an ISO 8601 text, a datetime or an epoch number.

    The unit of a number is told by its size unless given. A time without a zone is UTC.
    """
    if isinstance(value, bytes):
        value = value.decode("utf-8")
    if isinstance(value, str):
        value = value.strip()
        if not value:
            return None
        value = read_moment(value)
    if value is None:
        return None
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        seconds = int(moment.replace(microsecond=0).timestamp())
        micros = seconds * 1_000_000 + moment.microsecond
    else:
        number = to_number(value)
        if number is None:
            return None
        micros = _epoch_micros(number, unit)
    if not EARLIEST_MICROS <= micros < LATEST_MICROS:
        raise ValueError("before 2000 or after 2199")
    return micros


def read_moment(text: str) -> datetime | float | int:
    """Read a time as it is written: ISO 8601, an epoch number, or another form that is unambiguous."""
    # digits alone are an epoch number, though some of them would pass for a compact ISO date
    if text.replace(".", "", 1).isdecimal():
        return to_number(text) or 0
    try:
        return datetime.fromisoformat(text.upper().removesuffix(" UTC"))
    except ValueError:
        return _rarer_moment(text)


def _rarer_moment(text: str) -> datetime | float | int:
    for form in _FORMS:
        try:
            return datetime.strptime(text, form)
        except ValueError:
            continue
    return to_number(text) or 0  # 1.77E9


_FORMS: Final = (
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M:%S.%f",
    "%a, %d %b %Y %H:%M:%S GMT",
    "%a, %d %b %Y %H:%M:%S %z",
    "%d/%b/%Y:%H:%M:%S %z",
)
"""Day and month in words or the year in front; 03/02/2026 could be either and is refused."""


def _epoch_micros(number: float, unit: str | None) -> int:
    """Turn an epoch number into microseconds; seconds stay below 1e11 until the year 5138, and so on."""
    if unit is None:
        unit = "s" if number < 1e11 else "ms" if number < 1e14 else "us" if number < 1e17 else "ns"
    return int(number // 1000) if unit == "ns" else round(number * UNIT_MICROS[unit])


CONVERTERS: Final[dict[ColumnType, Callable[[Any], Any]]] = {
    "string": to_text,
    "timestamp": to_micros,
    "int32": to_int,
    "int64": to_int64,
    "float32": to_float,
    "bool": to_bool,
}
