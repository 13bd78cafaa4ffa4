"""Findings and summaries as JSON and back, strictly: what is read equals what was written.

Rules
    - Instants carry a zone and are written in UTC; numbers are finite. A finding that breaks
      this is a fault of the detector and is refused when written, not discovered when read.
    - A field this version does not know is skipped, so that a newer minor version can add one.
    - A missing field or a wrong type is an error that names the field.

>>> from stillwatch.domain.finding import Coverage
>>> decode(Coverage, {"name": "asn", "share": 0.5}, "coverage")
Coverage(name='asn', share=0.5)
"""

import math
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, NewType, Union, get_args, get_origin, get_type_hints

import orjson

from stillwatch.domain.finding import AccountFinding, CampaignFinding

Finding = AccountFinding | CampaignFinding
KINDS: dict[str, type[Finding]] = {"account": AccountFinding, "campaign": CampaignFinding}


def finding_record(finding: Finding) -> dict[str, Any]:
    """Return the finding as JSON values, ``kind`` first; raises ``ValueError`` as the module says."""
    kind = "campaign" if isinstance(finding, CampaignFinding) else "account"
    return {"kind": kind, **record(finding)}


def record(value: Any) -> dict[str, Any]:
    """Return a frozen domain type as JSON values; raises ``ValueError`` naming the field."""
    kind: Any = type(value)
    return {name: _plain(getattr(value, name), name) for name in _names(kind)}


def severity(finding: Finding) -> tuple[float, float, str]:
    """Sort key: least p-value first, then highest score; the id makes the order repeatable."""
    ident = finding.campaign_id if isinstance(finding, CampaignFinding) else finding.account_id
    return (finding.p_value, -finding.score, ident or "")


def dump_lines(findings: Iterable[Finding]) -> bytes:
    """Return JSON Lines, the most severe finding first."""
    ordered = sorted(findings, key=severity)
    return b"".join(orjson.dumps(finding_record(f)) + b"\n" for f in ordered)


def load_line(line: bytes, where: str) -> Finding:
    """Return the finding on one line; ``ValueError`` says what is wrong and where."""
    values = orjson.loads(line)
    kind = values.get("kind") if isinstance(values, dict) else None
    if kind not in KINDS:
        raise ValueError(f"{where}: kind is {kind!r}, not one of {', '.join(KINDS)}")
    finding: Finding = decode(KINDS[kind], values, where)
    return finding


def _plain(value: Any, where: str) -> Any:
    if isinstance(value, str | int):  # most values are
        return value
    if isinstance(value, tuple):
        return [_plain(item, where) for item in value]
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{where}: {value} has no time zone")
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{where}: {value} is not a finite number")
    if is_dataclass(value):
        kind: Any = type(value)
        return {name: _plain(getattr(value, name), f"{where}.{name}") for name in _names(kind)}
    return value


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(f.name for f in fields(kind))


def decode(kind: Any, value: Any, where: str) -> Any:
    """Return ``value`` (from JSON) as the annotated type; ``ValueError`` names the field."""
    if isinstance(kind, NewType):
        return decode(kind.__supertype__, value, where)
    origin = get_origin(kind)
    if origin is Literal:
        return _expect(value in get_args(kind), value, kind, where)
    if origin in (Union, UnionType):  # a NewType joined with None is a typing.Union
        return _decode_optional(kind, value, where)
    if origin is tuple:
        _expect(isinstance(value, list), value, "a list", where)
        return tuple(
            decode(get_args(kind)[0], item, f"{where}[{i}]") for i, item in enumerate(value)
        )
    if is_dataclass(kind):
        return _decode_dataclass(kind, value, where)
    if kind is datetime:
        return _decode_instant(value, where)
    if kind is float:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return float(_expect(number, value, "a number", where))
    return _expect(type(value) is kind, value, kind.__name__, where)


def _decode_optional(kind: Any, value: Any, where: str) -> Any:
    if value is None:
        return None
    (inner,) = (option for option in get_args(kind) if option is not NoneType)
    return decode(inner, value, where)


def _decode_dataclass(kind: Any, value: Any, where: str) -> Any:
    _expect(isinstance(value, dict), value, kind.__name__, where)
    hints = _hints(kind)
    if missing := [name for name in hints if name not in value]:
        raise ValueError(f"{where}: lacks {', '.join(missing)}")
    return kind(
        **{name: decode(hint, value[name], f"{where}.{name}") for name, hint in hints.items()}
    )


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _decode_instant(value: Any, where: str) -> datetime:
    _expect(isinstance(value, str), value, "an instant", where)
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{where}: {value!r} is not an instant") from None
    _expect(instant.tzinfo is not None, value, "an instant with a time zone", where)
    return instant.astimezone(UTC)


def _expect(holds: bool, value: Any, wanted: Any, where: str) -> Any:
    if not holds:
        raise ValueError(f"{where}: {str(value)[:60]!r} is not {wanted}")
    return value
