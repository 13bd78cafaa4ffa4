"""What a refusal says: where, why, and what to do; never the refused value itself."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, TypeAlias

from stillwatch.domain.claim import Claim

_SHOWN: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}")
UNNAMED: Final = "(unnamed)"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing that may not leave."""

    path: str
    """Where, in the syntax of STIX selectors: ``labels.[1]``, ``extensions.ID.fields.name``."""
    reason: str
    hint: str = ""
    """What to do next."""

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" + (f"; {self.hint}" if self.hint else "")


@dataclass(frozen=True, slots=True)
class Directory:
    """Names that exist at the hub: a name that nobody has is text in disguise."""

    groups: frozenset[str]
    members: frozenset[str]


@dataclass(slots=True)
class Context:
    """What checks need to know beside the object; gathers what they refuse."""

    today: date
    directory: Directory | None = None
    found: list[Refusal] = field(default_factory=list)

    def refuse(self, path: str, reason: str, hint: str = "") -> None:
        """Note a refusal."""
        self.found.append(Refusal(path, reason, hint))


ExtraCheck: TypeAlias = Callable[[Claim], Iterable[Refusal]]
"""A member's own check, e.g. the comparison of a rule's samples with its prompts."""


def shown(name: Any) -> str:
    """Name of an unknown property as it may be repeated: a name, or nothing of it.

    A property's name can hold a prompt as well as its value can.
    """
    return name if isinstance(name, str) and _SHOWN.fullmatch(name) else UNNAMED
