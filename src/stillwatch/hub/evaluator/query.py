"""What a request asks for: its query, and nothing that is not understood."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from stillwatch.hub.refusals import Malformed

_NAMES: Final = ("epoch", "generation", "evaluator", "quorum", "proof")
_EPOCH: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,8}")
_MOST_INDEX: Final = 255


@dataclass(frozen=True, slots=True)
class Question:
    """Query of an evaluation."""

    epoch: str
    generation: int
    evaluator: int
    """Index of the evaluator that is meant: an answer of another would be wrong."""
    quorum: tuple[int, ...]
    """Indices whose answers will be added up, ascending."""
    proof: bool


def parse(query: str) -> Question:
    """Read a query. Raises ``Malformed`` naming the parameter."""
    values = _values(query)
    quorum = tuple(_number("quorum", part) for part in values["quorum"].split(",")[:256])
    if list(quorum) != sorted(set(quorum)) or not 0 < quorum[0] <= quorum[-1] <= _MOST_INDEX:
        raise Malformed("quorum: indices from 1 to 255, each once, ascending", hint="quorum=1,3")
    evaluator = _number("evaluator", values["evaluator"])
    if evaluator not in quorum:
        raise Malformed(f"evaluator: {evaluator} is not in the quorum that is named")
    if not _EPOCH.fullmatch(values["epoch"]):
        raise Malformed("epoch: this can be no epoch's name")
    if values["proof"] not in ("0", "1"):
        raise Malformed("proof: 0 or 1")
    generation = _number("generation", values["generation"])
    return Question(values["epoch"], generation, evaluator, quorum, values["proof"] == "1")


def _values(query: str) -> Mapping[str, str]:
    values = {"proof": "0"}
    seen = set[str]()
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if name not in _NAMES or name in seen:
            raise Malformed(f"the query holds {name[:32]!r} twice or not among {', '.join(_NAMES)}")
        seen.add(name)
        values[name] = unquote(value)
    if missing := [name for name in _NAMES if name not in values]:
        raise Malformed(f"the query lacks {missing[0]!r}")
    return values


def _number(name: str, text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise Malformed(f"{name}: a whole number is needed")
    return int(text)
