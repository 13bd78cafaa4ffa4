"""Rules that travel: Sigma with our field names, samples inside, identity by content.

A rule says what requests look like (Sigma's ``detection``) and how many of an account's must look
so (``stillwatch.account``). It brings accounts that must and must not match, and how often it
was wrong where it was made. Free of our kernels, so that the hub can read it, too.

Rules
    * Fields are those of the canonical events that a profile still knows of a request: ``prompt``,
      ``families``, ``words`` (of the prompt) and ``output_tokens``; OpenTelemetry's names are
      understood. Any other field, modifier or word of a condition is an error, never ignored.
    * Everything is bounded (``Bounds``, and the policy's bounds of a rule's text).
    * ``digest`` is of the content, whatever the order and the quoting of the YAML.

Source: Sigma specification 2.0 (SigmaHQ/sigma-specification), rules and modifiers.

>>> parse_condition("scaffold and not (harness or 1 of known_*)", {"scaffold", "harness", "known_a"})
('and', 'scaffold', ('not', ('or', 'harness', ('or', 'known_a'))))
"""

import fnmatch
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, TypeAlias

import jsonschema

from stillwatch.errors import InputError
from stillwatch.intel.policy.load import shipped
from stillwatch.intel.policy.rules import RuleText, rule_digest

Condition: TypeAlias = str | tuple[Any, ...]
"""A name of a selection, or ``("and" | "or" | "not", *conditions)``."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Most of what a rule may hold."""

    phrases: int = 64
    """Phrases of all selections."""
    selections: int = 16
    samples: int = 16
    """Accounts each that must and must not match."""
    prompts: int = 64
    """Prompts of a sample."""
    condition: int = 500
    """Characters."""
    depth: int = 20
    """Of brackets and ``not`` in a condition."""


BOUNDS = Bounds()

FIELDS: Mapping[str, str] = {
    "prompt": "prompt",
    "families": "families",
    "words": "words",
    "output_tokens": "output_tokens",
    "gen_ai.input.messages": "prompt",
    "gen_ai.usage.output_tokens": "output_tokens",
}
"""Names a rule may use, and the canonical field of each."""

_PHRASE = {"type": "string", "minLength": 8, "maxLength": 400}
_PHRASES = {"oneOf": [_PHRASE, {"type": "array", "minItems": 1, "maxItems": 64, "items": _PHRASE}]}
_NUMBER = {"type": "integer", "minimum": 0, "maximum": 10_000_000}
_NAME = {"type": "string", "pattern": "^[a-z][a-z0-9_]{1,39}$"}
_NAMES = {"oneOf": [_NAME, {"type": "array", "minItems": 1, "maxItems": 64, "items": _NAME}]}
_PROMPTS = {
    "type": "array",
    "minItems": 1,
    "maxItems": BOUNDS.prompts,
    "items": {"type": "string", "maxLength": 600},
}
_SAMPLES = {"type": "array", "minItems": 2, "maxItems": BOUNDS.samples, "items": _PROMPTS}
_RATE = {"type": "number", "minimum": 0, "maximum": 1}
_TEXT = {"type": "string", "minLength": 10, "maxLength": 1000}
_DAY = {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"}

SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": [
        "title",
        "logsource",
        "detection",
        "falsepositives",
        "level",
        "samples",
        "stillwatch",
    ],
    "properties": {
        "title": {"type": "string", "minLength": 3, "maxLength": 256},
        "id": {"type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"},
        "status": {"enum": ["stable", "test", "experimental", "deprecated"]},
        "description": _TEXT,
        "date": _DAY,
        "modified": _DAY,
        "tags": {
            "type": "array",
            "maxItems": 16,
            "items": {"type": "string", "pattern": r"^[a-z0-9_-]+\.[a-z0-9._-]+$"},
        },
        "logsource": {
            "type": "object",
            "additionalProperties": False,
            "required": ["category"],
            "properties": {
                "category": {"const": "llm_request"},
                "product": {"type": "string"},
            },
        },
        "detection": {
            "type": "object",
            "required": ["condition"],
            "minProperties": 2,
            "maxProperties": 1 + BOUNDS.selections,
            "properties": {
                "condition": {"type": "string", "minLength": 1, "maxLength": BOUNDS.condition}
            },
            "additionalProperties": {"type": "object", "minProperties": 1, "maxProperties": 8},
        },
        "falsepositives": {"type": "array", "minItems": 1, "maxItems": 16, "items": _TEXT},
        "level": {"enum": ["informational", "low", "medium", "high", "critical"]},
        "samples": {
            "type": "object",
            "additionalProperties": False,
            "required": ["match", "no_match"],
            "properties": {"match": _SAMPLES, "no_match": _SAMPLES},
        },
        "stillwatch": {
            "type": "object",
            "additionalProperties": False,
            "required": ["account", "expires"],
            "properties": {
                "account": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["share", "prompts"],
                    "properties": {
                        "share": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
                        "prompts": {"type": "integer", "minimum": 2, "maximum": 64},
                    },
                },
                "measured": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["accounts", "upper", "day"],
                    "properties": {
                        "accounts": {"type": "integer", "minimum": 1},
                        "upper": _RATE,
                        "day": _DAY,
                    },
                },
                "expires": _DAY,
                "tell_apart": _TEXT,
            },
        },
    },
}
_VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


@dataclass(frozen=True, slots=True)
class Test:
    """One line of a selection."""

    field: Literal["prompt", "families", "words", "output_tokens"]
    operator: Literal["contains", "contains|all", "gte", "lte", "gt", "lt"]
    values: tuple[str, ...] = ()
    number: int = 0


@dataclass(frozen=True, slots=True)
class Measured:
    """How often a rule was wrong on benign accounts."""

    accounts: int
    upper: float
    """Upper 95 % limit of the share of benign accounts that match."""
    day: date


@dataclass(frozen=True, slots=True)
class TravellingRule:
    """A rule as it travels."""

    title: str
    techniques: tuple[str, ...]
    """ATLAS ids of its tags."""
    selections: Mapping[str, tuple[Test, ...]]
    """All tests of a selection must hold."""
    condition: Condition
    share: float
    """Least share of an account's requests that match."""
    prompts: int
    """Least number of different prompts among them."""
    match: tuple[tuple[str, ...], ...]
    """Accounts, as their prompts, that must match."""
    no_match: tuple[tuple[str, ...], ...]
    falsepositives: tuple[str, ...]
    tell_apart: str
    expires: date
    measured: Measured | None
    digest: str
    """SHA-256 of the content, hex: the rule's identity."""
    text: str
    """As it was read."""

    def phrases(self) -> tuple[str, ...]:
        """Every phrase of its selections."""
        tests = (test for tests in self.selections.values() for test in tests)
        return tuple(p for test in tests if test.field == "prompt" for p in test.values)


def parse_rule(text: str, where: str = "rule") -> TravellingRule:
    """Read a rule. Raises ``InputError`` naming ``where`` and the field."""
    data = _loaded(text, where)
    if problem := jsonschema.exceptions.best_match(_VALIDATOR.iter_errors(data)):
        raise InputError(f"{where}, at {problem.json_path}: {problem.message[:300]}")
    detection, ours = data["detection"], data["stillwatch"]
    selections = {
        name: tuple(
            _test(key, value, f"{where}, at $.detection.{name}") for key, value in s.items()
        )
        for name, s in detection.items()
        if name != "condition"
    }
    rule = TravellingRule(
        title=data["title"],
        techniques=tuple(t[6:].upper() for t in data.get("tags", ()) if t.startswith("atlas.")),
        selections=selections,
        condition=parse_condition(detection["condition"], selections.keys(), where),
        share=float(ours["account"]["share"]),
        prompts=ours["account"]["prompts"],
        match=tuple(map(tuple, data["samples"]["match"])),
        no_match=tuple(map(tuple, data["samples"]["no_match"])),
        falsepositives=tuple(data["falsepositives"]),
        tell_apart=ours.get("tell_apart", ""),
        expires=_day(ours["expires"], where),
        measured=_measured(ours.get("measured"), where),
        digest=rule_digest(data),
        text=text,
    )
    if len(rule.phrases()) > BOUNDS.phrases:
        raise InputError(f"{where}: more than {BOUNDS.phrases} phrases")
    return rule


def parse_condition(
    text: str, names: Sequence[str] | set[str] | Any, where: str = "rule"
) -> Condition:
    """A condition of Sigma's grammar over the selections ``names``; raises ``InputError``.

    Understood: ``and``, ``or``, ``not``, brackets, ``1 of PATTERN``, ``all of PATTERN`` and ``them``.
    """
    tokens = re.findall(r"[()]|[^\s()]+", text)
    parser = _Parser(tokens, sorted(names), f"{where}, at $.detection.condition")
    condition = parser.disjunction(0)
    parser.end()
    return condition


class _Parser:
    """Recursive descent: ``not`` binds closest, then ``and``, then ``or``."""

    def __init__(self, tokens: list[str], names: list[str], where: str) -> None:
        self._tokens, self._names, self._where = tokens[::-1], names, where

    def disjunction(self, depth: int) -> Condition:
        return self._chain("or", self._conjunction, depth)

    def end(self) -> None:
        if self._tokens:
            raise InputError(f"{self._where}: {self._tokens[-1]!r} is not expected there")

    def _conjunction(self, depth: int) -> Condition:
        return self._chain("and", self._operand, depth)

    def _chain(self, word: str, part: Any, depth: int) -> Condition:
        found = [part(depth)]
        while self._tokens and self._tokens[-1].lower() == word:
            self._tokens.pop()
            found.append(part(depth))
        return found[0] if len(found) == 1 else (word, *found)

    def _operand(self, depth: int) -> Condition:
        if depth > BOUNDS.depth:
            raise InputError(f"{self._where}: nested deeper than {BOUNDS.depth}")
        word = self._next()
        if word.lower() == "not":
            return ("not", self._operand(depth + 1))
        if word == "(":
            inner = self.disjunction(depth + 1)
            if self._next() != ")":
                raise InputError(f"{self._where}: a bracket is not closed")
            return inner
        if word.lower() in ("1", "any", "all") and self._tokens[-1:] == ["of"]:
            self._tokens.pop()
            return self._several("and" if word.lower() == "all" else "or", self._next())
        if word not in self._names:
            raise InputError(f"{self._where}: no selection is named {word!r}")
        return word

    def _several(self, word: str, pattern: str) -> Condition:
        chosen = [n for n in self._names if pattern == "them" or fnmatch.fnmatchcase(n, pattern)]
        if not chosen:
            raise InputError(f"{self._where}: no selection is named like {pattern!r}")
        return (word, *chosen)

    def _next(self) -> str:
        if not self._tokens:
            raise InputError(f"{self._where}: it ends too early")
        return self._tokens.pop()


def _loaded(text: str, where: str) -> dict[str, Any]:
    """Content of the YAML, within the bounds of what may travel."""
    rule_text = shipped().kinds["rule"].fields["rule"].value
    assert isinstance(rule_text, RuleText)
    try:
        return rule_text.read(text[: rule_text.most_bytes + 1])
    except InputError as error:
        raise InputError(f"{where} {error.message}", hint=error.hint) from error


def _test(key: str, value: Any, where: str) -> Test:
    name, _, modifiers = key.partition("|")
    field = FIELDS.get(name)
    kinds: Mapping[str, tuple[tuple[str, ...], Any]] = {
        "prompt": (("contains", "contains|all"), _PHRASES),
        "families": (("contains", "contains|all"), _NAMES),
        "words": (("gte", "lte", "gt", "lt"), _NUMBER),
        "output_tokens": (("gte", "lte", "gt", "lt"), _NUMBER),
    }
    if field is None:
        raise InputError(f"{where}: unknown field {name!r}", hint=f"known: {', '.join(FIELDS)}")
    operators, schema = kinds[field]
    if modifiers not in operators:
        known = ", ".join(f"{name}|{operator}" for operator in operators)
        raise InputError(f"{where}: {key!r} is not understood", hint=f"known: {known}")
    if not jsonschema.Draft202012Validator(schema).is_valid(value):
        raise InputError(f"{where}.{key}: {str(value)[:80]!r} is not a value for it")
    if isinstance(value, int):
        return Test(field, modifiers, number=value)  # type: ignore[arg-type]
    values = (value,) if isinstance(value, str) else tuple(value)
    return Test(field, modifiers, values)  # type: ignore[arg-type]


def _measured(data: Mapping[str, Any] | None, where: str) -> Measured | None:
    if data is None:
        return None
    return Measured(data["accounts"], float(data["upper"]), _day(data["day"], where))


def _day(text: str, where: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"{where}: {text!r} is not a day") from error
