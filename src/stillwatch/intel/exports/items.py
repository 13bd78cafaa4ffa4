"""Which objects may go into a file for other tools, and which stay, counted by reason.

Rules
    * TLP:RED is for the eyes of those it was sent to, never for a tool that others read.
    * A lab's own tools may hold everything else (TLP 2.0: AMBER+STRICT is for one organisation). A
      file for others is written *up to* a marking: AMBER for clients, GREEN for a community, CLEAR
      for anyone. What names groups or members stays out of the last two: the marking alone would
      let it go farther than its publisher said.
    * An object that carries no TLP marking counts as AMBER+STRICT; one whose marking cannot be
      understood counts as RED.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from stillwatch.domain.claim import Claim, Tlp
from stillwatch.errors import InputError
from stillwatch.intel.ids import kind_of
from stillwatch.intel.marking import audience
from stillwatch.intel.stix import from_stix, is_claim

_ORDER: Final = tuple(Tlp)
_ENDED: Final = frozenset(("revoked", "expired"))


@dataclass(frozen=True, slots=True)
class Item:
    """One object and what it counts here."""

    obj: dict[str, Any]
    """STIX, as it came."""
    state: str = "current"
    """current, disputed, revoked, expired, frozen, or suspended (its publisher)."""
    weight: float = 0.0
    """0-1."""
    publisher: str = ""
    """Name of the publisher, where it is known."""
    changed: datetime | None = None
    """When state or weight changed last; None for when the object did."""


@dataclass(frozen=True, slots=True)
class Said:
    """An item that is a claim we can read."""

    item: Item
    claim: Claim

    @property
    def kind(self) -> str:
        """E.g. ``campaign``."""
        return kind_of(self.claim)

    @property
    def state(self) -> str:
        """The item's, but a revocation is in the claim itself."""
        return "revoked" if self.claim.terms.revoked else self.item.state

    @property
    def ended(self) -> bool:
        """Whether it holds no more."""
        return self.state in _ENDED

    @property
    def changed(self) -> datetime:
        """When anything about it changed last."""
        modified = self.claim.terms.modified
        return max(modified, self.item.changed) if self.item.changed else modified


def leaving(
    items: Iterable[Item], up_to: Tlp = Tlp.AMBER_STRICT
) -> tuple[list[Item], Counter[str]]:
    """What may go into a file whose readers may see a marking, and why the rest stays.

    Raises ``InputError`` for a file of TLP:RED.
    """
    if up_to is Tlp.RED:
        raise InputError(
            "TLP:RED is for the eyes of those it was sent to, not for a file",
            hint="export up to amber+strict, or read the claim with `stillwatch share show ID`",
        )
    kept, stays = list[Item](), Counter[str]()
    for item in items:
        reason = _held(item, up_to)
        if reason:
            stays[reason] += 1
        else:
            kept.append(item)
    return kept, stays


def claims(items: Iterable[Item], stays: Counter[str]) -> list[Said]:
    """Those items that are claims we can read; others are counted into ``stays``."""
    found = list[Said]()
    for item in items:
        if not is_claim(item.obj):
            stays["no claim, so this format has no place for it"] += 1
            continue
        try:
            found.append(Said(item, from_stix(item.obj)))
        except InputError:
            stays["a claim of a form that this version cannot read"] += 1
    return found


def of_kinds(said: Sequence[Said], kinds: frozenset[str], stays: Counter[str]) -> list[Said]:
    """Claims of some kinds; others are counted into ``stays``."""
    for one in said:
        if one.kind not in kinds:
            stays[f"{one.kind} claims have no place in this format"] += 1
    return [one for one in said if one.kind in kinds]


def _held(item: Item, up_to: Tlp) -> str:
    level, groups, recipients = audience(item.obj)
    level = level or Tlp.AMBER_STRICT
    if level is Tlp.RED:
        return "marked TLP:RED"
    if _ORDER.index(level) > _ORDER.index(up_to):
        return f"marked stricter than TLP:{up_to.value.upper()}"
    if (groups or recipients) and _ORDER.index(up_to) < _ORDER.index(Tlp.AMBER):
        return "limited to groups or members"
    return ""
