"""Reads the policy's YAML files into the types that check, once per process.

Rules: every file has a schema; a mistake in one stops the load and names the file and field. The
lists, kinds and terms are data, so that a lawyer can read what may leave without reading code.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Final

import jsonschema
import yaml

from stillwatch.errors import ConfigError
from stillwatch.intel.atlas import TECHNIQUES
from stillwatch.intel.policy import values
from stillwatch.intel.policy.basis import Basis, BasisValue
from stillwatch.intel.policy.models import ModelName
from stillwatch.intel.policy.rules import RuleText
from stillwatch.intel.policy.values import Value

_FOLDER: Final = files("stillwatch.intel.policy")

_NAMES: Final[dict[str, Any]] = {"type": "array", "minItems": 1, "items": {"type": "string"}}
_FIELD: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["type", "tells"],
    "properties": {
        "type": {"type": "string"},
        "tells": {"type": "string", "minLength": 3},
        "of": {"type": "string"},
        "values": _NAMES,
        "to": _NAMES,
        "least": {"type": "integer"},
        "most": {"type": "integer", "minimum": 1},
        "optional": {"type": "boolean"},
        "at": {"enum": ["object", "extension", "pattern"]},
        "name": {"type": "string"},
    },
}
_KIND: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["kind", "says", "discloses", "never", "fields"],
    "properties": {
        "kind": {"type": "string"},
        "says": {"type": "string"},
        "discloses": {"type": "string"},
        "never": {"type": "string"},
        "fields": {"type": "object", "minProperties": 1, "additionalProperties": _FIELD},
        "order": {"type": "array", "items": {**_NAMES, "minItems": 2, "maxItems": 2}},
    },
}
_TERMS: Final[dict[str, Any]] = {"type": "object", "additionalProperties": _FIELD}
_BLOCK: Final[dict[str, Any]] = {
    "type": "array",
    "minItems": 2,
    "maxItems": 2,
    "items": {"type": "integer"},
}
_LISTS: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["purposes", "tactics", "families", "evidence", "autonomous_systems", "models"],
    "properties": {
        "purposes": _NAMES,
        "tactics": _NAMES,
        "families": _NAMES,
        "evidence": _NAMES,
        "autonomous_systems": {"type": "array", "items": _BLOCK},
        "models": {
            "type": "object",
            "additionalProperties": False,
            "required": ["roots", "words"],
            "properties": {"roots": _NAMES, "words": _NAMES},
        },
    },
}
_BASES: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "additionalProperties": False,
        "required": ["title", "jurisdictions", "note", "confirmed"],
        "properties": {
            "title": {"type": "string"},
            "jurisdictions": {
                "type": "array",
                "minItems": 1,
                "items": {"type": "string", "pattern": "^[A-Z]{2}$"},
            },
            "note": {"type": "string"},
            "confirmed": {"type": "string"},
            "until": {},
        },
    },
}
_REFUSED: Final[dict[str, Any]] = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "additionalProperties": False,
        "required": ["reason", "words"],
        "properties": {"reason": {"type": "string"}, "words": _NAMES},
    },
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field that may leave."""

    name: str
    value: Value
    tells: str
    """What it tells, in words for people."""
    optional: bool
    at: str
    """``extension``, ``object`` (a STIX property of another name) or ``pattern``."""
    property: str
    """Name of the STIX property where ``at`` is ``object`` or ``pattern``."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind of claim may say."""

    name: str
    says: str
    discloses: str
    never: str
    fields: Mapping[str, Field]
    order: tuple[tuple[str, str], ...]
    """Pairs of fields of which the second is not before the first."""


@dataclass(frozen=True, slots=True)
class Heading:
    """Something that can never leave."""

    name: str
    reason: str
    words: frozenset[str]


@dataclass(frozen=True, slots=True)
class Policy:
    """All that may leave."""

    kinds: Mapping[str, Kind]
    terms: Mapping[str, Field]
    lists: Mapping[str, frozenset[str]]
    bases: Mapping[str, Basis]
    refused: tuple[Heading, ...]
    words: tuple[str, ...]
    """Of code names, in order."""


@cache
def shipped() -> Policy:
    """The policy that ships; the same at every member and at the hub."""
    raw = read("lists.yaml", _LISTS)
    lists = {name: frozenset(raw[name]) for name in ("purposes", "tactics", "families", "evidence")}
    lists["techniques"] = frozenset(map(str, TECHNIQUES))
    words = tuple(_text("words.txt").split())
    bases = {name: _basis(name, part) for name, part in read("bases.yaml", _BASES).items()}
    make = _makers(raw, lists, frozenset(words), bases)
    kinds = [_kind(_parse(name, _KIND), make) for name in _kind_files()]
    headings = read("refused.yaml", _REFUSED).items()
    return Policy(
        {kind.name: kind for kind in kinds},
        {n: _field(n, part, make) for n, part in read("terms.yaml", _TERMS).items()},
        lists,
        bases,
        tuple(Heading(n, part["reason"], frozenset(part["words"])) for n, part in headings),
        words,
    )


def read(name: str, schema: Mapping[str, Any]) -> Any:
    """Read a YAML file of the policy by its schema; raises ``ConfigError`` naming file and field."""
    return _parse(name, schema)


def validate(data: Any, schema: Mapping[str, Any], name: str) -> None:
    """Raise ``ConfigError`` that names file and field unless the data fit the schema."""
    error = jsonschema.exceptions.best_match(
        jsonschema.Draft202012Validator(schema).iter_errors(data)
    )
    if error is not None:
        where = ".".join(map(str, error.absolute_path)) or "the file"
        raise ConfigError(f"{name}: {where}: {error.message}")


def _parse(name: str, schema: Mapping[str, Any]) -> Any:
    data = yaml.safe_load(_text(name))
    validate(data, schema, name)
    return data


def _text(name: str) -> str:
    return _FOLDER.joinpath(*name.split("/")).read_text("utf-8")


def _kind_files() -> list[str]:
    found = (_FOLDER / "kinds").iterdir()
    return sorted(f"kinds/{file.name}" for file in found if file.name.endswith(".yaml"))


def _kind(part: Mapping[str, Any], make: Callable[[Mapping[str, Any]], Value]) -> Kind:
    return Kind(
        part["kind"],
        part["says"],
        part["discloses"].strip(),
        part["never"].strip(),
        {name: _field(name, inner, make) for name, inner in part["fields"].items()},
        tuple((first, second) for first, second in part.get("order", ())),
    )


def _field(name: str, part: Mapping[str, Any], make: Callable[[Mapping[str, Any]], Value]) -> Field:
    at = part.get("at", "extension")
    place = "pattern" if at == "pattern" else part.get("name", name)
    return Field(name, make(part), part["tells"], part.get("optional", False), at, place)


def _basis(name: str, part: Mapping[str, Any]) -> Basis:
    until = part.get("until")
    if until is not None and type(until) is not date:
        raise ConfigError(f"bases.yaml: {name}.until: must be a day, YYYY-MM-DD")
    nations = frozenset(part["jurisdictions"])
    return Basis(name, part["title"], nations, part["note"].strip(), part["confirmed"], until)


def _makers(
    raw: Mapping[str, Any],
    lists: Mapping[str, frozenset[str]],
    words: frozenset[str],
    bases: Mapping[str, Basis],
) -> Callable[[Mapping[str, Any]], Value]:
    """Build a type of value from its line in a YAML file."""
    system = values.System(tuple((a, b) for a, b in raw["autonomous_systems"]))
    models = ModelName(frozenset(raw["models"]["roots"]), frozenset(raw["models"]["words"]))
    bounds = read("rule_text.yaml", {"type": "object"})
    rule = RuleText(**{**bounds, "members": frozenset(bounds["members"])})

    def choice(part: Mapping[str, Any]) -> values.Choice:
        names = lists[part["of"]] if "of" in part else frozenset(part["values"])
        return values.Choice(names)

    def choices(part: Mapping[str, Any]) -> Value:
        inner = choice(part)
        return values.Listing(inner, part["most"], len(inner.names))

    table: Mapping[str, Callable[[Mapping[str, Any]], Value]] = {
        "code-name": lambda _: values.CodeName(words),
        "choice": choice,
        "choices": choices,
        "span": lambda part: values.SpanValue(part["least"]),
        "day": lambda _: values.Day(),
        "midnight": lambda _: values.Day("T00:00:00Z", values.LONGEST.days + 1),
        "second": lambda _: values.SECOND,
        "digit": lambda _: values.Digit(),
        "flag": lambda _: values.Flag(),
        "whole": lambda part: values.Whole(part["least"], part["most"]),
        "confidence": lambda _: values.CONFIDENCE,
        "asns": lambda part: values.Listing(system, part["most"]),
        "reference": lambda part: values.reference(part["to"]),
        "references": lambda part: values.Listing(values.reference(part["to"]), part["most"]),
        "model": lambda _: models,
        "digest": lambda _: values.DIGEST,
        "sha256": lambda _: values.SHA256,
        "epoch": lambda _: values.EPOCH,
        "multiple": lambda part: values.Whole(part["least"], part["most"], part["least"]),
        "rule": lambda _: rule,
        "groups": lambda part: values.Listing(values.Name(member=False), part["most"]),
        "members": lambda part: values.Listing(values.Name(member=True), part["most"]),
        "basis": lambda _: BasisValue(bases),
        "id": lambda _: values.OWN_ID,
        "identity": lambda _: values.IDENTITY,
        "marking": lambda _: values.MARKING,
        "revoked": lambda _: values.REVOKED,
    }

    def make(part: Mapping[str, Any]) -> Value:
        if part["type"] not in table:
            raise ConfigError(f"the policy names the type {part['type']}, which there is not")
        return table[part["type"]](part)

    return make
