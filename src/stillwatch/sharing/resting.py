"""What was decided here falls with the claims it rests on.

Rules
    * A claim that was taken back, or signed after its key was lost, never counts again: it is struck
      from all decisions.
    * One that may count again is only frozen: an appeal is open at the hub, its publisher replaced it
      by what may not travel, or more members refute than confirm it (one of them could be lying, and
      voices change). What rests on such claims alone observes until they count.
    * Only what was signed and verified undoes anything, and a claim that still counts at one hub counts.
    * A claim whose time is over undoes nothing: decisions end by themselves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from stillwatch.domain.decision import DecisionId
from stillwatch.sharing.board import Entry, board
from stillwatch.store import decisions

_GONE: Final = frozenset({"revoked", "compromised"})
_FROZEN: Final = frozenset({"frozen", "replaced"})
BY: Final = "share pull"


@dataclass(frozen=True, slots=True)
class Undone:
    """A claim that counts no more, and what became of decisions."""

    claim: str
    why: str
    fell: tuple[DecisionId, ...]
    """Decisions that stood on it alone, or on others' words alone without it."""
    stay: int
    """Decisions from which it was struck and that stand on."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What a pull changed of what was decided here."""

    undone: tuple[Undone, ...] = ()
    suspended: tuple[DecisionId, ...] = ()
    """Decisions that observe now: all that they rest on is frozen."""
    restored: tuple[DecisionId, ...] = ()
    """Decisions that are in force again."""


NOTHING: Final = Settled()


def settle(connection: Connection, now: datetime) -> Settled:
    """Bring decisions in line with what the claims they rest on count now."""
    claims = decisions.foreign_evidence(connection)
    if not claims:
        return NOTHING
    entries = dict[str, list[Entry]]()
    for entry in board(connection, at=now):
        if entry.received.signed and entry.received.stix_id in claims:
            entries.setdefault(entry.received.stix_id, []).append(entry)
    undone, frozen = list[Undone](), set[str]()
    for claim in sorted(entries):
        if why := _gone(entries[claim]):
            undone.append(_undo(connection, claim, why, now))
        elif _frozen(entries[claim]):
            frozen.add(claim)
    suspended, restored = decisions.freeze(connection, frozen, by=BY, now=now)
    return Settled(tuple(undone), tuple(suspended), tuple(restored))


def _gone(entries: Sequence[Entry]) -> str:
    """Why a claim never counts again, or nothing."""
    if any(one.weight.value > 0 for one in entries):
        return ""
    return next((f"it is {one.state}" for one in entries if one.state in _GONE), "")


def _frozen(entries: Sequence[Entry]) -> bool:
    """Whether a claim counts nothing now and may count again."""
    refuted = [one.state == "disputed" and one.refuted > one.confirmed for one in entries]
    counts = any(one.weight.value > 0 and not no for one, no in zip(entries, refuted, strict=True))
    return not counts and (any(refuted) or any(one.state in _FROZEN for one in entries))


def _undo(connection: Connection, claim: str, why: str, now: datetime) -> Undone:
    before = decisions.newest(connection)
    fell = decisions.undo(connection, claim, by=BY, reason=why, now=now)
    return Undone(claim, why, tuple(fell), decisions.newest(connection) - before - len(fell))
