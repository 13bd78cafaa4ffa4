"""Detection rules: named patterns of evidence, shipped as YAML and checked by their own samples.

A rule does not score. It names what a finding looks like, which ATLAS techniques that is, who
does the same innocently, and what would tell them apart. The first rule that matches (most
conditions first) speaks in the report.

A condition is ``{signal: NAME, percentile: P}`` (benign percentile at least P) or
``{family: NAME, share: S}`` (at least S of the prompts hold words of the phrase family).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import numpy.typing as npt
import yaml

from stillwatch.errors import ConfigError
from stillwatch.profiles.signals import NAMES

_CONDITION = {
    "oneOf": [
        {
            "type": "object",
            "properties": {
                "signal": {"enum": list(NAMES)},
                "percentile": {"type": "number", "minimum": 50, "maximum": 100},
            },
            "required": ["signal", "percentile"],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {
                "family": {"type": "string"},
                "share": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
            },
            "required": ["family", "share"],
            "additionalProperties": False,
        },
    ]
}
_SAMPLES = {"type": "array", "minItems": 1, "items": {"type": "object"}}
_TEXT = {"type": "string", "minLength": 10}
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "pattern": "^[a-z][a-z0-9-]+$"},
        "title": {"type": "string"},
        "why": _TEXT,
        "atlas": {"type": "array", "items": {"type": "string", "pattern": r"^AML\.T\d{4}"}},
        "all": {"type": "array", "minItems": 1, "items": _CONDITION},
        "innocent": _TEXT,
        "tell_apart": _TEXT,
        "samples": {
            "type": "object",
            "properties": {"match": _SAMPLES, "no_match": _SAMPLES},
            "required": ["match", "no_match"],
            "additionalProperties": False,
        },
    },
    "required": ["id", "title", "why", "atlas", "all", "innocent", "tell_apart", "samples"],
    "additionalProperties": False,
}
_VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


@dataclass(frozen=True, slots=True)
class Condition:
    """One requirement of a rule."""

    name: str
    """Signal, or ``family.NAME``."""
    least: float
    """Benign percentile (signals) or share of prompts (families), inclusive."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A named pattern of evidence."""

    id: str
    title: str
    why: str
    atlas: tuple[str, ...]
    """MITRE ATLAS technique ids."""
    conditions: tuple[Condition, ...]
    innocent: str
    """Who else does this."""
    tell_apart: str
    """What an analyst would look at to decide."""
    samples: Mapping[str, list[Mapping[str, float]]]

    def matches(self, evidence: Mapping[str, npt.ArrayLike]) -> npt.NDArray[np.bool_]:
        """Whether all conditions hold; what was not observed (or is NaN) holds nowhere.

        ``evidence`` maps signal names to benign percentiles and ``family.NAME`` to shares, of
        one profile or of many.
        """
        holds = np.array(True)
        for condition in self.conditions:
            holds = holds & (np.asarray(evidence.get(condition.name, -1.0)) >= condition.least)
        return holds


def load_rules(folder: Path) -> tuple[Rule, ...]:
    """All rules of a folder, the most specific first.

    Raises ``ConfigError`` naming the file and the field.
    """
    rules = [_load(path) for path in sorted(folder.glob("*.yaml"))]
    return tuple(sorted(rules, key=lambda rule: (-len(rule.conditions), rule.id)))


def _load(path: Path) -> Rule:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        _VALIDATOR.validate(data)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"rule {path} cannot be read: {error}") from error
    except jsonschema.ValidationError as error:
        where = "/".join(str(part) for part in error.absolute_path) or "top level"
        raise ConfigError(f"rule {path}, at {where}: {error.message}") from error
    conditions = tuple(
        Condition(c["signal"], float(c["percentile"]))
        if "signal" in c
        else Condition(f"family.{c['family']}", float(c["share"]))
        for c in data["all"]
    )
    return Rule(
        data["id"],
        data["title"],
        data["why"],
        tuple(data["atlas"]),
        conditions,
        data["innocent"],
        data["tell_apart"],
        data["samples"],
    )
