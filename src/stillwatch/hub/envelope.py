"""What a POST carries: the envelope's objects, each judged by itself.

Rules: the envelope must be JSON (else 400) that holds objects (else 422); an object that cannot be
stored is a failure of its own and keeps no other from being stored. Properties of the envelope
that we do not know are ignored (section 7.1.1), so a STIX bundle passes, as stix2's sink sends
one. Objects are kept as they will be served; numbers that JSON readers do not agree on (integers
beyond 2^53, infinite floats; RFC 7493) are refused rather than changed.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

import orjson

from stillwatch.hub.errors import Problem
from stillwatch.hub.limits import Limits
from stillwatch.intel.objects import check, spec_version, version_of
from stillwatch.intel.policy.strict import repeated

_LARGEST: Final = 2**53 - 1
_NAME: Final = 250
"""Characters of a property's name (STIX 2.1, section 3.2)."""
_LONG: Final = b"0" * 19
_DIGITS: Final = bytes(48 if 48 <= byte < 58 else 32 for byte in range(256))
"""Any digit to 0, all else to a space: with it 19 digits in a row are found 80 times as fast as by
a regular expression."""


@dataclass(frozen=True, slots=True)
class Item:
    """One object of an envelope."""

    id: str
    """As it is told in the status; its place where it states none that could be told."""
    stated: str | None
    """Its version in its own words; None for what has none."""
    problem: str | None
    """Why it cannot be stored; the rest has no meaning then."""
    type: str = ""
    spec_version: str = ""
    version: int | None = None
    """Microseconds since 1970."""
    body: bytes = b""
    obj: Any = None


def read(body: bytes, limits: Limits) -> list[Item]:
    """The objects of a request's body. Raises ``Problem`` for what is no envelope."""
    data = _parse(body)
    if not isinstance(data, dict):
        raise Problem(422, "the body is no envelope", hint='send {"objects": [...]}')
    sent = data.get("objects")
    if not isinstance(sent, list) or not sent:
        raise Problem(422, "the envelope holds no objects", hint='send {"objects": [...]}')
    if len(sent) > limits.objects:
        raise Problem(
            422, f"the envelope holds {len(sent)} objects, {limits.objects} are allowed at a time"
        )
    return [_item(obj, place, limits) for place, obj in enumerate(sent)]


def same(one: bytes, other: bytes) -> bool:
    """Whether two stored objects mean the same."""
    return one == other or bool(orjson.loads(one) == orjson.loads(other))


def _parse(body: bytes) -> Any:
    try:
        data = orjson.loads(body)
        if _LONG in body.translate(_DIGITS):
            # the fast parser rounds integers beyond 64 bits: this one shows them
            data = json.loads(body)
        twice = repeated(body)
    except (ValueError, RecursionError) as error:
        why = str(error) if isinstance(error, orjson.JSONDecodeError) else "too deep"
        raise Problem(400, f"the body is no JSON: {why}") from None
    if twice:
        raise Problem(400, "a member of an object is given twice", hint="send each once")
    return data


def _item(obj: Any, place: int, limits: Limits) -> Item:
    if not isinstance(obj, dict):
        return Item(f"objects[{place}]", None, "an object must be a JSON object")
    stated = _stated(obj)
    problem = _unsound(obj, limits.depth, limits)
    named = obj.get("id")
    told = named if isinstance(named, str) and 0 < len(named) <= _NAME else f"objects[{place}]"
    if problem is None:
        problem = check(obj)
    if problem is not None:
        return Item(_tellable(told), stated, problem)
    body = orjson.dumps(obj, option=orjson.OPT_SORT_KEYS)
    if len(body) > limits.object_length:
        return Item(told, stated, f"the object is longer than {limits.object_length} bytes")
    return Item(told, stated, None, obj["type"], spec_version(obj), version_of(obj), body, obj)


def _stated(obj: dict[str, Any]) -> str | None:
    for name in ("modified", "created"):
        value = obj.get(name)
        if isinstance(value, str) and 0 < len(value) <= 64:
            return _tellable(value)
    return None


def _tellable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _unsound(value: Any, depth: int, limits: Limits) -> str | None:
    """Say what in a value no two readers of JSON need to agree on, or what is beyond a bound."""
    kind = type(value)
    if kind is str:
        if len(value) > limits.string_length:
            return f"a string is longer than {limits.string_length} characters"
        # JSON can escape half a character, UTF-8 cannot hold it
        return None if value.isascii() or _encodes(value) else "a string is no Unicode text"
    if kind is int:
        return None if -_LARGEST <= value <= _LARGEST else "an integer is beyond 2^53 - 1"
    if kind is float:
        return None if value - value == 0 else "a number is not finite"
    if kind is dict or kind is list:
        return _unsound_parts(value, depth, limits)
    return None


def _unsound_parts(value: Any, depth: int, limits: Limits) -> str | None:
    if depth == 0:
        return f"it is nested deeper than {limits.depth} levels"
    parts = value
    if type(value) is dict:
        for name in value:
            if not 0 < len(name) <= _NAME or not _encodes(name):
                return f"a property's name is empty or longer than {_NAME} characters"
        parts = value.values()
    for part in parts:
        if (problem := _unsound(part, depth - 1, limits)) is not None:
            return problem
    return None


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
