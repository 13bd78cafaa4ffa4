"""The text of a rule: the one text that leaves, so bounded, searched and released by a person.

Rules: YAML of plain JSON values, without anchors, aliases, tags or repeated members, so that what
is read is all there is; top members from a list; at least two samples on either side; no
identifier, no encoded text, no invisible character anywhere, comments included. Whether a sample
was copied from a customer's request only the member can tell: it compares before it releases.
"""

import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final

import yaml

from stillwatch.crypto.canonical import canonical
from stillwatch.domain.claim import Technique
from stillwatch.errors import InputError
from stillwatch.intel.policy.refusal import Context, shown
from stillwatch.intel.policy.resemblance import encoded, hidden, identifiers, mixed

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TECHNIQUE: Final = re.compile(r"(?:atlas\.)?(aml\.t\d{4}(?:\.\d{3})?)", re.IGNORECASE)


class _Unique(_Loader):  # type: ignore[misc]
    """Safe loader that refuses a member given twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping whose keys are unique texts."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if not all(isinstance(key, str) for key in keys):
            raise yaml.constructor.ConstructorError(problem="a member's name is no text")
        if len(set(keys)) != len(keys):
            raise yaml.constructor.ConstructorError(problem="a member is given twice")
        found: dict[Any, Any] = super().construct_mapping(node, deep)
        return found


@dataclass(frozen=True, slots=True)
class RuleText:
    """Type of value: the text of a rule."""

    most_bytes: int
    most_depth: int
    most_nodes: int
    most_string: int
    samples: Mapping[str, int]
    members: frozenset[str]

    def check(self, value: Any, path: str, context: Context) -> None:
        """Refuse what does not fit."""
        if not isinstance(value, str) or not value:
            context.refuse(path, "must be the YAML text of a rule")
            return
        if len(value) > self.most_bytes or len(value.encode(errors="replace")) > self.most_bytes:
            context.refuse(path, f"must have at most {self.most_bytes} bytes")
            return
        strange = hidden(value)
        if strange:
            context.refuse(path, f"holds {strange}")
            return
        try:
            content = self.read(value)
        except InputError as error:
            context.refuse(path, error.message, error.hint)
            return
        self._check_members(content, path, context)
        _search(value, content, path, context)

    def read(self, text: str) -> dict[str, Any]:
        """Content of a rule as JSON values; raises ``InputError`` with what forbids it."""
        plain: dict[str, Any] = _plain(_content(text, self.most_depth, self.most_nodes))
        return plain

    def _check_members(self, content: dict[str, Any], path: str, context: Context) -> None:
        for name in content:
            if name not in self.members:
                context.refuse(f"{path}.{shown(name)}", "is no member of a rule that travels")
        samples = content.get("samples")
        if not isinstance(samples, dict) or samples.keys() != {"match", "no_match"}:
            context.refuse(f"{path}.samples", "must have match and no_match")
            return
        least, most = self.samples["least"], self.samples["most"]
        for side, found in samples.items():
            if not isinstance(found, list) or not least <= len(found) <= most:
                where = f"{path}.samples.{side}"
                context.refuse(where, f"must have between {least} and {most} samples")
        for where, text in _texts(content, path):
            if len(text) > self.most_string:
                context.refuse(where, f"must have at most {self.most_string} characters")

    def schema(self) -> dict[str, Any]:
        """JSON Schema of the property."""
        return {"type": "string", "minLength": 1, "maxLength": self.most_bytes}

    def told(self) -> str:
        """Range in words."""
        return (
            f"YAML of at most {self.most_bytes:,} bytes and {self.most_depth} levels, with "
            f"{self.samples['least']}-{self.samples['most']} samples on either side"
        )

    def bits(self) -> float:
        """A text by nature: all its bits are free."""
        return 8.0 * self.most_bytes


@lru_cache(maxsize=32)
def _content(text: str, most_depth: int, most_nodes: int) -> dict[str, Any]:
    """Content of a rule as YAML has it; shared, so it is copied before it is given away.

    A rule is read for its fields and again for its digest, and reading is the dear part.
    """
    try:
        _check_events(text, most_depth, most_nodes)
        content = yaml.load(text, Loader=_Unique)  # noqa: S506  a safe loader, narrowed
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        problem = getattr(error, "problem", None) or "it cannot be read"
        raise InputError(f"is no YAML of a rule: {problem}") from error
    if not isinstance(content, dict):
        raise InputError("must be a YAML mapping")
    return content


def _check_events(text: str, most_depth: int, most_nodes: int) -> None:
    depth = nodes = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise InputError("must have no anchors and aliases")
        if isinstance(event, yaml.NodeEvent):
            nodes += 1
            if getattr(event, "tag", None) is not None:
                raise InputError("must have no tags of YAML types")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > most_depth or nodes > most_nodes:
            raise InputError(f"must have at most {most_depth} levels and {most_nodes} values")


def rule_digest(content: dict[str, Any]) -> str:
    """Identity of a rule: SHA-256 of its content as canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical(content)).hexdigest()


def techniques_of(text: str) -> tuple[Technique, ...]:
    """ATLAS techniques that a rule names, in tags (``atlas.aml.t0040``) or under ``atlas``."""
    try:
        content = yaml.load(text, Loader=_Unique)  # noqa: S506  a safe loader, narrowed
    except (yaml.YAMLError, ValueError, RecursionError):
        return ()
    named: list[Any] = []
    for member in ("atlas", "tags"):
        part = content.get(member) if isinstance(content, dict) else None
        named += part if isinstance(part, list) else []
    matches = (_TECHNIQUE.fullmatch(name) for name in named if isinstance(name, str))
    return tuple(dict.fromkeys(Technique(match[1].upper()) for match in matches if match))


def _search(text: str, content: dict[str, Any], path: str, context: Context) -> None:
    """Refuse identifiers and encodings: in each string under its path, then in comments."""
    before = len(context.found)
    for where, part in _texts(content, path):
        if where == f"{path}.id" and _UUID.fullmatch(part):
            continue  # Sigma's own id of a rule
        _judge(part, where, context)
    if len(context.found) == before:
        rest = text.replace(str(content.get("id", "\0")), "")
        _judge(rest, path, context)


def _judge(text: str, where: str, context: Context) -> None:
    found = identifiers(text)
    if found:
        context.refuse(where, f"holds what looks like {found[0]}", "write a placeholder instead")
    elif encoded(text):
        context.refuse(where, "holds what looks like an encoded text")
    elif mixed(text):
        context.refuse(where, "mixes alphabets within a word")


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every string of the content with its path, names of members included."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for place, part in enumerate(value):
            yield from _texts(part, f"{path}.[{place}]")
    elif isinstance(value, dict):
        for name, part in value.items():
            where = f"{path}.{shown(name)}"
            yield where, name
            yield from _texts(part, where)
    elif not isinstance(value, bool | None) and abs(value) >= 1e9:
        yield path, str(value)


def _plain(value: Any) -> Any:
    """JSON values only: days become texts; bytes and what else YAML knows is refused."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError("must have finite numbers")
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**53 - 1:
        raise InputError("must have numbers below 2^53")
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise InputError("must have plain values: texts, numbers, lists, mappings")
