"""The published test vectors, and whether this installation agrees with them.

Tables of others decide some normal forms: the public suffix list, numbering plans, Unicode. Two
labs with different releases of them may differ in a rare value, which is a silent miss; so the
versions can be told, and the vectors can be walked, on any machine.
"""

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import orjson

from stillwatch.domain.identifier import VERSION, Kind, RawIdentifier
from stillwatch.sharing.identifiers import Outcome, Refused, normalise

TABLES = ("phonenumbers", "tldextract", "idna", "email-validator")
"""Libraries whose tables and rules decide normal forms."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A vector that this installation does not reproduce."""

    case: str
    """Its id."""
    expected: Mapping[str, Any]
    found: Mapping[str, Any]


@cache
def vectors() -> dict[str, Any]:
    """The published vectors, as in ``vectors.json``."""
    found: dict[str, Any] = orjson.loads(_read("vectors.json"))
    return found


@cache
def schema() -> dict[str, Any]:
    """The JSON Schema of the vectors."""
    found: dict[str, Any] = orjson.loads(_read("vectors.schema.json"))
    return found


def outcome_of(case: Mapping[str, Any]) -> Outcome:
    """What this installation makes of a case."""
    return normalise(
        Kind(case["kind"]),
        RawIdentifier(case["raw"]),
        region=case.get("region"),
        documentation=case.get("documentation", False),
    )


def told(outcome: Outcome) -> dict[str, Any]:
    """An outcome in the words of the vectors; it holds normal forms."""
    if isinstance(outcome, Refused):
        return {"refused": outcome.reason.value}
    return {"identifiers": [{"kind": one.kind.value, "value": one.value} for one in outcome]}


def disagreements() -> Iterator[Disagreement]:
    """Every vector that comes out otherwise here: another lab would miss what this one tags."""
    for case in vectors()["cases"]:
        expected = {key: case[key] for key in ("identifiers", "refused") if key in case}
        found = told(outcome_of(case))
        if found != expected:
            yield Disagreement(case["id"], expected, found)


def table_versions() -> dict[str, str]:
    """What decides normal forms here, to be compared with another lab's."""
    libraries = {name: version(name) for name in TABLES}
    return {"rules": VERSION, "unicode": unicodedata.unidata_version, **libraries}


def _read(name: str) -> bytes:
    return (files(__package__) / name).read_bytes()
