"""Reading YAML that may be anybody's: plain values only, within bounds, nothing said twice.

Rules: aliases are refused altogether (a few lines of them unfold to gigabytes, Billion Laughs), and
so are tags, keys that are no texts, repeated keys, and numbers that are not finite. Every error
names the line.
"""

import math
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from stillwatch.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Limits:
    """What a policy file may take."""

    bytes: int = 262_144
    depth: int = 12
    values: int = 20_000


class _Refused(yaml.MarkedYAMLError):
    """Something that YAML has and a policy may not."""


class _Loader(yaml.SafeLoader):
    limits = Limits()

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = self._values = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        where = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        if self.check_event(yaml.AliasEvent):
            raise _Refused(problem="aliases (*name) are not read", problem_mark=where)
        self._depth += 1
        self._values += 1
        if self._depth > self.limits.depth:
            raise _Refused(problem=f"nested deeper than {self.limits.depth}", problem_mark=where)
        if self._values > self.limits.values:
            raise _Refused(problem=f"more than {self.limits.values} values", problem_mark=where)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen = dict[str, int]()
        for key, _ in node.value:
            if key.tag != "tag:yaml.org,2002:str":
                problem = f"the key {key.value!r} is no text; put it in quotes"
                raise _Refused(problem=problem, problem_mark=key.start_mark)
            if key.value in seen:
                problem = f"{key.value!r} is said twice, first in line {seen[key.value]}"
                raise _Refused(problem=problem, problem_mark=key.start_mark)
            seen[key.value] = key.start_mark.line + 1
        return super().construct_mapping(node, deep)

    def construct_finite(self, node: Any) -> float:
        value = self.construct_yaml_float(node)
        if not math.isfinite(value):
            problem = f"{node.value} is no number to compare with"
            raise _Refused(problem=problem, problem_mark=node.start_mark)
        return float(value)


_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_finite)


def read(path: Path, limits: Limits = _Loader.limits) -> Any:
    """The value of a YAML file. Raises ``ConfigError`` naming the file and the line."""
    try:
        with path.open("rb") as file:
            raw = file.read(limits.bytes + 1)
    except OSError as error:
        raise ConfigError(f"the policy {path} cannot be read: {error.strerror}") from error
    if len(raw) > limits.bytes:
        raise ConfigError(f"{path} is larger than {limits.bytes:,} bytes, no policy is")
    try:
        return parse(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8: {error.reason} at byte {error.start}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}{_told(error)}") from error


def parse(text: str) -> Any:
    """The value of a text. Raises ``yaml.YAMLError`` and ``ValueError``."""
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def _told(error: BaseException) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or " ".join(str(error).split())[:200]
    return f", line {mark.line + 1}: {problem}" if mark else f": {problem}"
