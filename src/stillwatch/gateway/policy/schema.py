"""The JSON schema of a policy file, from which its reference page is made as well."""

from collections.abc import Mapping
from typing import Any, Final

from stillwatch.domain.decision import SEVERITY, Scope
from stillwatch.gateway.policy.when import FACTS, STEPS, Name

DURATION: Final = r"^[1-9][0-9]{0,4}[mhdw]$"
MOST_SHARE: Final = 0.25
"""No file may let one policy touch more than a quarter of anything within an hour."""
MOST_BLOCKS: Final = 100_000
LONGEST_DAYS: Final = 365

_NAME: Final = "^[a-z][a-z0-9-]{1,63}$"
_TEXT: Final = {"type": "string", "minLength": 10, "maxLength": 2000}
_WORDS: Final = {
    "type": "array", "minItems": 1, "maxItems": 1000, "uniqueItems": True,
    "items": {"type": "string", "minLength": 1, "maxLength": 512},
}  # fmt: skip
_DURATION: Final = {"type": "string", "pattern": DURATION}
SPARE: Final = "spare"
EFFECTS: Final = (SPARE, *(effect.value for effect in SEVERITY))
"""What a rule may decide. ``allow`` is not among them: it wins over everything, so a person gives it."""
_RULE_SCOPES: Final = [scope.value for scope in (Scope.ACCOUNT, Scope.CAMPAIGN, Scope.SIGN_UP)]


def _number(name: str) -> dict[str, Any]:
    most = FACTS[name].most
    bound: dict[str, Any] = {"type": "number", "minimum": 0}
    return bound if most == float("inf") else {**bound, "maximum": most}


def _asked(name: str, fact: Name) -> dict[str, Any]:
    if fact.kind == "flag":
        flag = {"enum": [True, False, "unknown"]}
        return {"anyOf": [flag, {"type": "array", "minItems": 1, "items": flag}]}
    if fact.kind == "number":
        number = _number(name)
        bounds = {"at_least": number, "at_most": number, "below": number}
        return {"anyOf": [number, _object(bounds, least=1)]}
    word: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 200}
    said: list[dict[str, Any]] = [word, _WORDS]
    if name == "authorized_use":
        said.append({"type": "boolean"})
    if name == "step":
        of = {"enum": list(STEPS)}
        said.append(_object({"at_least": of, "at_most": of}, least=1))
    return {"anyOf": said}


def _fact(name: str, fact: Name) -> dict[str, Any]:
    if fact.kind == "number":
        return _number(name)
    return {"type": "boolean"} if fact.kind == "flag" else {"type": "string", "minLength": 1}


def _object(
    properties: Mapping[str, Any], required: tuple[str, ...] = (), least: int = 0
) -> dict[str, Any]:
    said = {"type": "object", "additionalProperties": False, "properties": dict(properties)}
    if required:
        said["required"] = list(required)
    return {**said, "minProperties": least} if least else said


_SAMPLES: Final = {
    "type": "array", "minItems": 1, "maxItems": 50,
    "items": _object({name: _fact(name, fact) for name, fact in FACTS.items()}, least=1),
}  # fmt: skip
_RATE: Final = _object(
    {
        "per_minute": {"type": "integer", "minimum": 1, "maximum": 1_000_000},
        "concurrency": {"type": "integer", "minimum": 1, "maximum": 1_000_000},
    },
    least=1,
)
_DECIDE: Final = _object(
    {
        "effect": {"enum": list(EFFECTS)},
        "scope": {"enum": _RULE_SCOPES},
        "for": _DURATION,
        "rate": _RATE,
        "cohort": {"type": "string", "minLength": 1, "maxLength": 64},
        "hold": {"type": "boolean"},
        "reason": {"type": "string", "minLength": 3, "maxLength": 600},
    },
    ("effect", "reason"),
)
_RULE: Final = _object(
    {
        "name": {"type": "string", "pattern": _NAME},
        "why": _TEXT,
        "when": _object({name: _asked(name, fact) for name, fact in FACTS.items()}),
        "decide": _DECIDE,
        "samples": _object({"match": _SAMPLES, "no_match": _SAMPLES}, ("match", "no_match")),
    },
    ("name", "why", "when", "decide", "samples"),
)
_SHARE: Final = {"type": "number", "exclusiveMinimum": 0, "maximum": MOST_SHARE}
_COUNT: Final = {"type": "integer", "minimum": 0, "maximum": MOST_BLOCKS}
GUARDS: Final = _object(
    {
        "new_blocks_per_hour": _COUNT,
        "new_touched_per_hour": _COUNT,
        "traffic_share": _SHARE,
        "account_share": _SHARE,
        "never": _object(
            dict.fromkeys(("access_path", "spend_tier", *(scope.value for scope in Scope)), _WORDS)
        ),
        "longest": _object(dict.fromkeys(EFFECTS[1:], _DURATION)),
    },
    ("new_blocks_per_hour", "new_touched_per_hour", "traffic_share", "account_share"),
)  # fmt: skip
SCHEMA: Final[Mapping[str, Any]] = _object(
    {
        "name": {"type": "string", "pattern": _NAME},
        "version": {"type": "integer", "minimum": 1, "maximum": 1_000_000},
        "description": _TEXT,
        "words": _object(dict.fromkeys(("access_path", "spend_tier", "authorized_use"), _WORDS)),
        "rules": {"type": "array", "minItems": 1, "maxItems": 100, "items": _RULE},
        "guards": GUARDS,
    },
    ("name", "version", "description", "rules", "guards"),
)
