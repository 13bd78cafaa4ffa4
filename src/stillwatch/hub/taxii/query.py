"""What a client asks for: the parameters of TAXII 2.1, section 3.4.

Rules: a parameter that is malformed, or given twice where the standard allows one, is 400 with its
name; a ``match`` field that the endpoint does not know is ignored, as the standard lets us, and so
is any other parameter.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from stillwatch.hub.errors import Problem
from stillwatch.hub.limits import Limits
from stillwatch.intel.objects import parse_time

_SPEC: Final = re.compile(r"[0-9]{1,3}\.[0-9]{1,3}")
_WORDS: Final = ("first", "last", "all")
_MOST: Final = 64
"""Parameters in one query."""


@dataclass(frozen=True, slots=True)
class Versions:
    """Which versions of each object."""

    last: bool = False
    first: bool = False
    all: bool = False
    exact: tuple[int, ...] = ()
    """Microseconds since 1970."""


@dataclass(frozen=True, slots=True)
class Query:
    """A checked query."""

    limit: int
    """Objects on the page."""
    added_after: int | None = None
    """Microseconds since 1970."""
    next: str | None = None
    ids: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    spec_versions: tuple[str, ...] = ()
    versions: Versions | None = None
    """None if the client does not say; then it is the last."""


ALL: Final = ("id", "type", "version", "spec_version")


def parse(raw: bytes, fields: Sequence[str], limits: Limits) -> Query:
    """Read a query string of an endpoint that knows these ``match`` fields.

    Raises ``Problem`` (400) for what is malformed.
    """
    sent = _parameters(raw, fields)
    matched = {
        name: _values(f"match[{name}]", sent[f"match[{name}]"], limits)
        for name in fields
        if f"match[{name}]" in sent
    }
    for value in matched.get("spec_version", ()):
        if not _SPEC.fullmatch(value):
            raise _bad("match[spec_version]", "is no version such as 2.1")
    return Query(
        _limit(sent.get("limit"), limits.page),
        _instant("added_after", sent["added_after"]) if "added_after" in sent else None,
        sent.get("next"),
        matched.get("id", ()),
        matched.get("type", ()),
        matched.get("spec_version", ()),
        _versions(matched["version"]) if "version" in matched else None,
    )


def _parameters(raw: bytes, fields: Sequence[str]) -> dict[str, str]:
    known = {"added_after", "limit", "next", *(f"match[{name}]" for name in fields)}
    try:
        pairs = parse_qsl(
            raw.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=False,
            errors="strict",
            max_num_fields=_MOST,
        )
    except ValueError:
        raise Problem(400, "the query is no list of name=value in UTF-8") from None
    found: dict[str, str] = {}
    for name, value in pairs:
        if name not in known:
            continue
        if name in found:
            raise _bad(name, "is given twice")
        if "\0" in value:
            raise _bad(name, "holds a NUL character")
        found[name] = value
    return found


def _limit(text: str | None, most: int) -> int:
    if text is None:
        return most
    if not re.fullmatch(r"[0-9]{1,18}", text, re.ASCII) or int(text) == 0:
        raise _bad("limit", "is no whole number greater than zero")
    return min(int(text), most)


def _instant(name: str, text: str) -> int:
    try:
        return parse_time(text)
    except ValueError:
        raise _bad(name, "is no timestamp such as 2026-01-31T12:00:00.000000Z") from None


def _values(name: str, text: str, limits: Limits) -> tuple[str, ...]:
    values = text.split(",")
    if not all(values):
        raise _bad(name, "holds an empty value")
    if len(values) > limits.match_values:
        raise _bad(name, f"holds more than {limits.match_values} values")
    return tuple(values)


def _versions(values: Sequence[str]) -> Versions:
    name = "match[version]"
    if len(set(values)) < len(values):
        raise _bad(name, "names a version twice")
    if "all" in values and len(values) > 1:
        raise _bad(name, "names all and another version")
    exact = tuple(_instant(name, value) for value in values if value not in _WORDS)
    return Versions("last" in values, "first" in values, "all" in values, exact)


def _bad(name: str, why: str) -> Problem:
    return Problem(400, f"{name} {why}", details={"parameter": name})
