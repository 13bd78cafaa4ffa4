"""The figures by which matches become leads, as data: a shipped file that a lab may replace.

Rules: a file is whole or refused; the steps rise; a weak or a pattern kind can never be made to
count alone, and every kind must be named, so that a new one is not weighed by accident.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import jsonschema
import yaml

from stillwatch.domain.identifier import TRAITS, Kind
from stillwatch.domain.lead import Step
from stillwatch.errors import ConfigError

SHIPPED: Final = "leads.yaml"
_MOST_BYTES: Final = 64 * 1024
_SHARE: Final = {"type": "number", "minimum": 0, "maximum": 1}
_BASE: Final = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}
_BORNE: Final = tuple(step for step in Step if step is not Step.NONE)

SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "whole_for": {**_SHARE, "exclusiveMaximum": 1},
        "own_evidence": _SHARE,
        "kinds": {
            "type": "object",
            "properties": {
                kind.value: {
                    "type": "object",
                    "properties": {
                        "weight": _BASE,
                        "family": {"type": "string", "minLength": 1, "maxLength": 40},
                        "beside": {"type": "integer", "minimum": 0, "maximum": 8},
                        "least": {"type": "integer", "minimum": 1, "maximum": 16},
                    },
                    "required": ["weight", "family"],
                    "additionalProperties": False,
                }
                for kind in Kind
            },
            "required": [kind.value for kind in Kind],
            "additionalProperties": False,
        },
        "steps": {
            "type": "object",
            "properties": {step.word: _BASE for step in _BORNE},
            "required": [step.word for step in _BORNE],
            "additionalProperties": False,
        },
    },
    "required": ["whole_for", "own_evidence", "kinds", "steps"],
    "additionalProperties": False,
}
_VALIDATOR: Final = jsonschema.Draft202012Validator(SCHEMA)


@dataclass(frozen=True, slots=True)
class KindWeight:
    """How matches of one kind count."""

    weight: float
    family: str
    beside: int
    """Strong matches of the same actor that must be there, too."""
    least: int
    """Matches of the kind that must be there."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """All figures of the file."""

    whole_for: float
    own_evidence: float
    kinds: Mapping[Kind, KindWeight]
    steps: tuple[tuple[Step, float], ...]
    """Least weight for each, rising."""

    def step(self, weight: float) -> Step:
        """The gravest step that a weight bears."""
        return max((step for step, least in self.steps if weight >= least), default=Step.NONE)


def load_thresholds(path: Path | None = None) -> Thresholds:
    """Read a file of thresholds, or the shipped one. Raises ``ConfigError`` naming file and value."""
    name = str(path) if path else SHIPPED
    try:
        if path is None:
            text = (files("stillwatch.sharing.matching") / SHIPPED).read_text("utf-8")
        else:
            with path.open(encoding="utf-8") as file:
                text = file.read(_MOST_BYTES + 1)
        if len(text) > _MOST_BYTES:
            raise ConfigError(f"{name} has more than {_MOST_BYTES:,} characters")
        data = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{name} cannot be read: {error}") from error
    fault = jsonschema.exceptions.best_match(_VALIDATOR.iter_errors(data))
    if fault is not None:
        raise ConfigError(f"{name}: {fault.json_path}: {fault.message}")
    return _sound(data, name)


def _sound(data: Mapping[str, Any], name: str) -> Thresholds:
    kinds = {Kind(word): _kind(Kind(word), said, name) for word, said in data["kinds"].items()}
    steps = tuple((step, float(data["steps"][step.word])) for step in _BORNE)
    for (low, least), (high, more) in pairwise(steps):
        if least > more:
            raise ConfigError(f"{name}: $.steps: {high.word} needs less than {low.word}")
    return Thresholds(
        float(data["whole_for"]), float(data["own_evidence"]), MappingProxyType(kinds), steps
    )


def _kind(kind: Kind, said: Mapping[str, Any], name: str) -> KindWeight:
    beside = int(said.get("beside", 0))
    if not beside and not TRAITS[kind].alone:
        raise ConfigError(
            f"{name}: $.kinds.{kind}.beside: strangers share this kind, so it never counts alone",
            hint="set beside to 1 or more",
        )
    return KindWeight(float(said["weight"]), said["family"], beside, int(said.get("least", 1)))
