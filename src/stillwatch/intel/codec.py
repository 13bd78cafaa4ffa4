"""Fields of a claim as JSON values and back, by the types that ``domain/claim.py`` states.

Rules: the dataclass is the only list of fields. Empty lists and None are left out, as STIX
prohibits them. What does not fit is refused with its path; unknown members are passed over,
because newer versions may say more.
"""

import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import date, datetime
from typing import Any, Final, Literal

from stillwatch.domain import claim as domain
from stillwatch.domain.claim import Span
from stillwatch.errors import InputError
from stillwatch.intel.objects import format_time, from_micros, parse_time, to_micros

_DAY_CHARS: Final = 10


@dataclass(frozen=True, slots=True)
class Codec:
    """How values of one type travel."""

    encode: Callable[[Any], Any]
    decode: Callable[[Any, str], Any]
    """Value and its path; raises ``InputError`` naming the path."""


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    codec: Codec
    required: bool
    leave_out: tuple[Any, ...]


class Record:
    """Codec of one dataclass, some fields aside."""

    def __init__(self, kind: type, without: frozenset[str] = frozenset()) -> None:
        hints = typing.get_type_hints(kind)
        self._kind = kind
        self._fields = tuple(
            _Field(
                f.name,
                _codec(hints[f.name]),
                f.default is MISSING and not _is_tuple(hints[f.name]),
                ((), None) if _is_tuple(hints[f.name]) else (None,),
            )
            for f in fields(kind)
            if f.name not in without
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the fields, in order."""
        return tuple(f.name for f in self._fields)

    def encode(self, value: Any) -> dict[str, Any]:
        """JSON object of a value's fields."""
        found: dict[str, Any] = {}
        for f in self._fields:
            part = getattr(value, f.name)
            if part is not None and part != ():
                found[f.name] = f.codec.encode(part)
        return found

    def decode(self, value: Any, path: str) -> dict[str, Any]:
        """Arguments for the dataclass; raises ``InputError`` naming the path of what is wrong."""
        if not isinstance(value, dict):
            raise _wrong(path, "must be an object")
        found: dict[str, Any] = {}
        for f in self._fields:
            where = f"{path}.{f.name}"
            if f.name in value:
                found[f.name] = f.codec.decode(value[f.name], where)
            elif f.required:
                raise InputError(f"{where} is missing", hint="see docs/reference/stix.md")
            elif () in f.leave_out:
                found[f.name] = ()
        return found


def _wrong(path: str, what: str) -> InputError:
    return InputError(f"{path} {what}", hint="see docs/reference/stix.md")


def _is_tuple(hint: Any) -> bool:
    return typing.get_origin(hint) is tuple


def _codec(hint: Any) -> Codec:
    """Codec of a type annotation that the domain uses."""
    hint = getattr(hint, "__supertype__", hint)
    origin = typing.get_origin(hint)
    if origin is types.UnionType:
        return _codec(next(part for part in typing.get_args(hint) if part is not type(None)))
    if origin is tuple:
        return _list(_codec(typing.get_args(hint)[0]))
    if origin is Literal:
        return _choice(frozenset(typing.get_args(hint)))
    if hint is domain.LegalBasis:
        return _record(hint)
    return _PLAIN[hint]


def _list(inner: Codec) -> Codec:
    def decode(value: Any, path: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise _wrong(path, "must be a list")
        return tuple(inner.decode(part, f"{path}.[{i}]") for i, part in enumerate(value))

    return Codec(lambda value: [inner.encode(part) for part in value], decode)


def _choice(names: frozenset[str]) -> Codec:
    def decode(value: Any, path: str) -> str:
        if not isinstance(value, str) or value not in names:
            raise _wrong(path, f"must be one of: {', '.join(sorted(names))}")
        return value

    return Codec(_same, decode)


def _record(kind: type) -> Codec:
    record = Record(kind)
    return Codec(record.encode, lambda value, path: kind(**record.decode(value, path)))


def _same(value: Any) -> Any:
    return value


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise _wrong(path, "must be a text")
    return value


def _flag(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise _wrong(path, "must be true or false")
    return value


def _whole(value: Any, path: str) -> int:
    if isinstance(value, float) and value.is_integer():
        return int(value)  # RFC 8259 knows one kind of number, and 3.0 is 3
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong(path, "must be a whole number")
    return value


def _number(value: Any, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(path, "must be a number")
    try:
        return float(value)
    except OverflowError as error:
        raise _wrong(path, "is too large") from error


def _day(value: Any, path: str) -> date:
    if isinstance(value, str) and len(value) == _DAY_CHARS and value.isascii():
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise _wrong(path, "must be a day, YYYY-MM-DD")


def _instant(value: Any, path: str) -> datetime:
    try:
        return from_micros(parse_time(value))
    except (ValueError, OverflowError) as error:
        raise _wrong(path, f"is {error}") from error


def _span(value: Any, path: str) -> Span:
    if not isinstance(value, dict):
        raise _wrong(path, "must be a range with low and high")
    parts = [_whole(value.get(name), f"{path}.{name}") for name in ("low", "high")]
    return Span(*parts)


_PLAIN: Final[Mapping[Any, Codec]] = {
    str: Codec(_same, _text),
    bool: Codec(_same, _flag),
    int: Codec(_same, _whole),
    float: Codec(_same, _number),
    date: Codec(date.isoformat, _day),
    datetime: Codec(lambda value: format_time(to_micros(value), 0), _instant),
    Span: Codec(lambda value: {"low": value.low, "high": value.high}, _span),
}
