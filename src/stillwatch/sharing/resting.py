"""What was decided here falls with the claims it rests on.

Rules
    * A claim that was taken back, replaced by what may not travel, signed after its key was lost, or
      refuted by more members than confirm it, counts no more: it is struck from all decisions.
    * One that is frozen by an appeal at the hub may come back: what rests on frozen claims alone
      observes until it does.
    * Only what was signed and verified undoes anything, and a claim that still counts at one hub counts.
    * A claim whose time is over undoes nothing: decisions end by themselves.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from stillwatch.domain.decision import DecisionId
from stillwatch.sharing.board import Entry, board
from stillwatch.store import decisions

_GONE: Final = frozenset({"revoked", "replaced", "compromised"})
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


def _gone(entries: Iterable[Entry]) -> str:
    """Why a claim counts no more, or nothing."""
    why = ""
    for one in entries:
        refuted = one.state == "disputed" and one.refuted > one.confirmed
        if one.state not in _GONE and not refuted:
            if one.weight.value > 0:
                return ""
            continue
        why = why or (f"refuted by {one.refuted} members" if refuted else f"it is {one.state}")
    return why


def _frozen(entries: Iterable[Entry]) -> bool:
    every = list(entries)
    return not any(e.weight.value > 0 for e in every) and any(e.state == "frozen" for e in every)


def _undo(connection: Connection, claim: str, why: str, now: datetime) -> Undone:
    before = decisions.newest(connection)
    fell = decisions.undo(connection, claim, by=BY, reason=why, now=now)
    return Undone(claim, why, tuple(fell), decisions.newest(connection) - before - len(fell))
