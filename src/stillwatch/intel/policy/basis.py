"""Legal bases: dated settings per jurisdiction, and whether one may still be used today."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from stillwatch.intel.policy.refusal import Context, shown
from stillwatch.intel.policy.values import FIRST_DAY, Day, wrong

_REQUIRED: Final = ("jurisdiction", "basis", "as_of")
_DAY: Final = Day()


@dataclass(frozen=True, slots=True)
class Basis:
    """One legal basis of the list."""

    name: str
    title: str
    jurisdictions: frozenset[str]
    note: str
    confirmed: str
    until: date | None = None
    """Last day on which it may be used."""


@dataclass(frozen=True, slots=True)
class BasisValue:
    """The legal basis that a claim names."""

    bases: Mapping[str, Basis]

    def check(self, value: Any, path: str, context: Context) -> None:
        """Refuse what is malformed, unlisted or expired."""
        if not isinstance(value, dict):
            wrong(value, path, "an object with jurisdiction, basis and as_of", context)
            return
        before = len(context.found)
        for name in value:
            if name not in (*_REQUIRED, "until"):
                context.refuse(f"{path}.{shown(name)}", "is no member of a legal basis")
        for name in _REQUIRED:
            if name not in value:
                context.refuse(f"{path}.{name}", "is missing")
        if len(context.found) == before:
            self._check_members(value, path, context)

    def _check_members(self, value: dict[str, Any], path: str, context: Context) -> None:
        name = value["basis"]
        basis = self.bases.get(name) if isinstance(name, str) else None
        if basis is None:
            wrong(name, f"{path}.basis", "a legal basis of the list", context)
            return
        nation = value["jurisdiction"]
        if not isinstance(nation, str) or nation not in basis.jurisdictions:
            told = f"one of the jurisdictions of {basis.name}"
            wrong(nation, f"{path}.jurisdiction", told, context)
        _DAY.check(value["as_of"], f"{path}.as_of", context)
        until = basis.until
        if "until" in value:
            until = _until(value["until"], path, basis, context)
        if until is not None and until < context.today:
            context.refuse(
                f"{path}.basis",
                f"the legal basis {basis.name} has ended on {until}",
                "let counsel name another one",
            )

    def schema(self) -> dict[str, Any]:
        """JSON Schema; dates are compared by the policy."""
        nations = sorted({name for basis in self.bases.values() for name in basis.jurisdictions})
        return {
            "type": "object",
            "required": list(_REQUIRED),
            "additionalProperties": False,
            "properties": {
                "jurisdiction": {"enum": nations},
                "basis": {"enum": sorted(self.bases)},
                "as_of": _DAY.schema(),
                "until": _DAY.schema(),
            },
        }

    def told(self) -> str:
        """Range in words."""
        names = ", ".join(f"`{name}`" for name in sorted(self.bases))
        return (
            f"`jurisdiction`, `basis` ({names}), `as_of` (day on which counsel confirmed it) and, "
            "where it ends, `until`"
        )

    def bits(self) -> float:
        """Logarithm of the number of values."""
        pairs = sum(len(basis.jurisdictions) for basis in self.bases.values())
        return math.log2(pairs) + 2 * _DAY.bits()


def _until(text: Any, path: str, basis: Basis, context: Context) -> date | None:
    """Last day that a claim states, which may not be later than that of the list."""
    where = f"{path}.until"
    if not isinstance(text, str) or len(text) != 10 or not text.isascii():
        wrong(text, where, "a day, YYYY-MM-DD", context)
        return basis.until
    try:
        stated = date.fromisoformat(text)
    except ValueError:
        wrong(text, where, "a day, YYYY-MM-DD", context)
        return basis.until
    if not FIRST_DAY <= stated <= context.today + timedelta(days=36_500):
        context.refuse(where, "lies too far from today")
    if basis.until is not None and stated > basis.until:
        context.refuse(where, f"is later than the end of {basis.name}, {basis.until}")
        return basis.until
    return stated
