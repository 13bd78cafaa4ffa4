"""What a received claim counts here. A number to decide by, never a decision.

Rules
    * Nothing that is revoked, expired, frozen by an appeal, or unsigned counts at all, nor what its
      publisher replaced by a version that breaks the field policy.
    * Weight starts from the publisher's confidence and moves by what distinct members say: each
      confirmation from own evidence halves the doubt that is left; each dispute takes a third of
      the weight, each refutation half. Agreement without evidence moves nothing.
    * A suspended publisher's claims count a quarter until another member confirms them.

>>> weigh(Said(confidence=60)).value
0.6
>>> weigh(Said(confidence=60, confirmed=2)).value
0.9
>>> weigh(Said(confidence=60, confirmed=2, disputed=1)).value
0.6
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from stillwatch.intel.ids import CLAIM
from stillwatch.intel.objects import parse_time

_DISPUTED: Final = 2 / 3
_REFUTED: Final = 1 / 2
_SUSPENDED: Final = 1 / 4


@dataclass(frozen=True, slots=True)
class Said:
    """What is known of a claim's worth."""

    confidence: int
    """The publisher's, 0-100."""
    confirmed: int = 0
    """Distinct members that confirm it from evidence of their own."""
    disputed: int = 0
    refuted: int = 0
    state: str = "current"
    """current, disputed, revoked, expired, frozen, compromised, replaced (by a version that breaks
    the policy), or suspended (its publisher)."""
    signed: bool = True


@dataclass(frozen=True, slots=True)
class Weight:
    """What it counts, and why."""

    value: float
    """0-1."""
    why: tuple[str, ...]


def weigh(said: Said) -> Weight:
    """Weigh one claim."""
    if not said.signed:
        return Weight(0.0, ("it is unsigned: a lead to look at, no evidence",))
    if said.state in ("revoked", "expired", "frozen", "compromised", "replaced"):
        return Weight(0.0, (f"it is {said.state}",))
    value, why = said.confidence / 100, [f"its publisher is {said.confidence} % sure"]
    if said.state == "suspended" and not said.confirmed:
        value *= _SUSPENDED
        why.append("its publisher is suspended and nobody else has confirmed it")
    if said.confirmed:
        value = 1 - (1 - value) / 2**said.confirmed
        why.append(f"confirmed from own evidence by {said.confirmed}")
    if said.disputed:
        value *= _DISPUTED**said.disputed
        why.append(f"disputed by {said.disputed}")
    if said.refuted:
        value *= _REFUTED**said.refuted
        why.append(f"refuted by {said.refuted}")
    return Weight(round(value, 4), tuple(why))


def expired(obj: dict[str, Any], at: datetime) -> bool:
    """Whether a claim's time is over; one that states no end has none left."""
    extension = obj.get("extensions", {}).get(CLAIM, {})
    until = extension.get("terms", {}).get("valid_until")
    return not isinstance(until, str) or parse_time(until) <= int(at.timestamp() * 1e6)
