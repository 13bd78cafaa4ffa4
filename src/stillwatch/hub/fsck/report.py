"""What a check found: counts of what was looked at, and faults that say where and what differed."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

Progress: TypeAlias = Callable[[int, int], None]
"""Called with entries checked so far, and all."""

LISTED: Final = 1000
"""Faults of one kind that are kept in full; further ones are counted."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that does not hold."""

    kind: str
    """One word: entry, tile, checkpoint, signature, statement, order, object, key, audience,
    cosignature, record, pack, log."""
    where: str
    """Row, leaf or file, e.g. ``leaf 17`` or ``tile 0/003``."""
    message: str
    expected: str | None = None
    found: str | None = None

    def __str__(self) -> str:
        differed = "" if self.expected is None else f" (expected {self.expected}, {self.found})"
        return f"{self.kind}: {self.where}: {self.message}{differed}"


@dataclass
class Report:
    """All that a check says."""

    source: str
    """What was read, without credentials."""
    origin: str = ""
    size: int = 0
    """Entries of the log."""
    looked_at: Counter[str] = field(default_factory=Counter)
    """How many of each kind of thing were checked."""
    faults: list[Fault] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    """Faults by kind, with those that are not listed."""
    notes: list[str] = field(default_factory=list)
    """What was not checked, and why."""

    @property
    def holds(self) -> bool:
        """Whether no fault was found."""
        return not self.counts

    def fault(
        self,
        kind: str,
        where: str,
        message: str,
        expected: object = None,
        found: object = None,
    ) -> None:
        """Add a fault."""
        self.counts[kind] += 1
        if self.counts[kind] <= LISTED:
            shown = (None, None) if expected is None else (_show(expected), _show(found))
            self.faults.append(Fault(kind, where, message, *shown))

    def as_json(self) -> dict[str, Any]:
        """Plain values for printing."""
        return {
            "source": self.source,
            "origin": self.origin,
            "size": self.size,
            "holds": self.holds,
            "looked_at": dict(self.looked_at),
            "fault_counts": dict(self.counts),
            "faults": [
                {"kind": f.kind, "where": f.where, "message": f.message}
                | ({} if f.expected is None else {"expected": f.expected, "found": f.found})
                for f in self.faults
            ],
            "notes": self.notes,
        }


def _show(value: object) -> str:
    text = value.hex() if isinstance(value, bytes | memoryview) else str(value)
    return text if len(text) <= 200 else f"{text[:200]}… ({len(text):,} characters)"
