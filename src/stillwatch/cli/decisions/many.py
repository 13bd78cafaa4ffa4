"""Many decisions from a file: JSON lines, or CSV with a head line.

Rules
    * A mistake names its line and stops the whole file: half a list in force is worse than none.
    * ``effect``, ``scope``, ``value``, ``reason`` and an end are needed, by ``until`` (seconds since
      1970, or an instant) or ``for`` (7d); what is not known is an error, not passed over.
    * In CSV a list (``evidence``, ``members``) is separated by blanks, a rate is two columns.
    * Lines as ``list --json`` or the stream writes them are taken as they are, with their ids.
"""

import csv
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

import orjson

from stillwatch.cli.decisions.common import end
from stillwatch.domain.decision import Decision, DecisionId, new_id
from stillwatch.errors import EmptyInput, InputError

_KNOWN: Final = frozenset({
    "id", "effect", "scope", "value", "reason", "evidence", "origin", "made", "until", "shadow",
    "rate", "cohort", "members", "for", "per_minute", "concurrency",
})  # fmt: skip
_SHOWN: Final = frozenset({"state", "why", "by", "struck", "suspended", "appeal"})
"""What ``list`` says beside the decision."""
_TRUE: Final = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of a file of decisions."""

    rows: int = 1_000_000
    line: int = 4_000_000
    """Characters."""
    errors: int = 10
    """That are shown."""


BOUNDS: Final = Bounds()


def read(
    path: Path, defaults: dict[str, Any], by: str, now: datetime
) -> list[tuple[int, Decision]]:
    """Decisions of a file (``-``: standard input) with their lines. Raises ``InputError``.

    ``defaults`` are members that a line need not say.
    """
    made, faults = list[tuple[int, Decision]](), list[str]()
    for number, said in _rows(path):
        try:
            made.append((number, _decision(defaults | said, by, now)))
        except (ValueError, InputError) as error:
            faults.append(f"line {number}: {error}")
            if len(faults) >= BOUNDS.errors:
                break
        if len(made) > BOUNDS.rows:
            raise InputError(f"{path} has more than {BOUNDS.rows:,} decisions", hint="split it")
    if faults:
        raise InputError(f"{path}: {'; '.join(faults)}", hint="nothing was kept")
    if not made:
        raise EmptyInput(f"{path} holds no decision")
    twice = _twice(made)
    if twice:
        raise InputError(f"{path}: line {twice[1]} has the id of line {twice[0]}")
    return made


def decision(said: dict[str, Any], by: str, now: datetime) -> Decision:
    """One decision of a person, from what is said of it. Raises ``InputError``."""
    try:
        return _decision(said, by, now)
    except ValueError as error:
        raise InputError(str(error)) from error


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with sys.stdin if str(path) == "-" else path.open(encoding="utf-8-sig", newline="") as file:
            if path.suffix.lower() == ".csv":
                yield from _of_csv(file)
            else:
                yield from _of_json(file)
    except InputError as error:
        raise InputError(
            f"{path}, {error.message}", hint=error.hint or "nothing was kept"
        ) from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read: {error}") from error


def _of_json(file: IO[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    number = 0
    while line := file.readline(BOUNDS.line + 1):
        number += 1
        if len(line) > BOUNDS.line:
            raise InputError(f"line {number} is longer than {BOUNDS.line:,} characters")
        if not line.strip():
            continue
        try:
            said = orjson.loads(line)
        except ValueError as error:
            raise InputError(
                f"line {number} is no JSON: {error}", hint="one decision a line, or a .csv file"
            ) from error
        if not isinstance(said, dict):
            raise InputError(f"line {number} is no JSON object")
        yield number, {k: v for k, v in said.items() if v is not None and k not in _SHOWN}


def _of_csv(file: IO[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(_whole(file))
    for row in reader:
        if None in row:
            raise InputError(f"line {reader.line_num} has more cells than the head line")
        yield (
            reader.line_num,
            {name.strip(): _cell(name.strip(), text.strip()) for name, text in row.items() if text},
        )


def _whole(file: Iterable[str]) -> Iterator[str]:
    for line in file:
        if "\0" in line:
            raise InputError("it is no text")
        yield line


def _cell(name: str, said: str) -> Any:
    """A cell as JSON would say it."""
    if name in ("evidence", "members"):
        return said.split()
    if name in ("per_minute", "concurrency") or (name in ("until", "made") and said.isdecimal()):
        return int(said) if said.isdecimal() else said
    if name == "shadow":
        return _TRUE.get(said.lower(), said)
    return said


def _decision(said: dict[str, Any], by: str, now: datetime) -> Decision:
    if unknown := said.keys() - _KNOWN:
        raise ValueError(f"{min(unknown)!r} is not known; known: {', '.join(sorted(_KNOWN))}")
    whole = dict(said)
    for_, until = str(whole.pop("for", "")), whole.get("until", "")
    if for_ or isinstance(until, str):
        whole["until"] = end(for_, str(until), now).timestamp()
    if whole.get("shadow", False) not in (True, False):
        raise ValueError("shadow is true or false")
    bounds = {n: whole.pop(n) for n in ("per_minute", "concurrency") if n in whole}
    if bounds:
        whole["rate"] = bounds
    # whoever brings decisions in answers for them: nobody passes for a policy
    return Decision.of({"id": new_id(), "made": now.timestamp(), **whole, "origin": f"person:{by}"})


def _twice(made: list[tuple[int, Decision]]) -> tuple[int, int] | None:
    seen = dict[DecisionId, int]()
    for number, one in made:
        if one.id in seen:
            return seen[one.id], number
        seen[one.id] = number
    return None
