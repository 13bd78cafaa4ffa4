"""Decisions taken back, released, refused, or over.

Rule: no clock ends a decision for good. What was ended before its end by a machine whose clock was
ahead comes back with the next sweep of one whose clock is right; that is safe also where this clock
is the wrong one, because gateways judge by the end itself.
"""

from dataclasses import replace
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select

from stillwatch.errors import InputError
from stillwatch.store.decisions.acts import answerable, note
from stillwatch.store.decisions.reading import find
from stillwatch.store.decisions.rows import Edit, Kept, State, bears, kept_of
from stillwatch.store.decisions.stream import take_turn, told
from stillwatch.store.schema import decisions

_CLOCK: Final = "stillwatch"
"""By whom what is over is swept."""
_OVER: Final = "time is over"
_WAS_HELD: Final = "time is over; it was held: "
_APART_S: Final = 300
"""Clocks that differ by less do not contradict each other."""


def lift(connection: Connection, id: str, *, by: str, reason: str, now: datetime) -> None:  # noqa: A002
    """Take a decision that stands out of force. Raises ``InputError`` if it does not stand."""
    reason = answerable(by, reason)
    take_turn(connection)
    kept = _in_state(connection, id, "standing", now)
    _move(connection, [kept], "lifted", "lift", by, reason, now)
    told(connection, [id], now)


def release(connection: Connection, id: str, *, by: str, reason: str, now: datetime) -> None:  # noqa: A002
    """Let a held decision come into force. Raises ``InputError`` if it is not held."""
    reason = answerable(by, reason)
    take_turn(connection)
    kept = _in_state(connection, id, "held", now)
    _move(connection, [kept], "standing", "release", by, reason, now)
    told(connection, [id], now)


def refuse(connection: Connection, id: str, *, by: str, reason: str, now: datetime) -> None:  # noqa: A002
    """Keep a held decision out of force for good. Raises ``InputError`` if it is not held."""
    reason = answerable(by, reason)
    take_turn(connection)
    kept = _in_state(connection, id, "held", now)
    _move(connection, [kept], "refused", "refuse", by, reason, now)


def sweep(connection: Connection, now: datetime) -> int:
    """Take decisions whose time is over out of the stream and the queue; how many.

    Those that a wrong clock has ended before their time are brought back.
    """
    _bring_back(connection, now)
    over = decisions.c.state.in_(("standing", "held")) & (decisions.c.until <= _seconds(now))
    if connection.execute(select(decisions.c.id).where(over).limit(1)).first() is None:
        return 0
    take_turn(connection)
    rows = connection.execute(select(decisions).where(over).order_by(decisions.c.id)).all()
    ended = [kept_of(row) for row in rows]
    standing = [kept for kept in ended if kept.state == "standing"]
    _move(connection, standing, "ended", "end", _CLOCK, _OVER, now)
    for kept in ended:
        if kept.state == "held":
            _move(connection, [kept], "ended", "end", _CLOCK, _WAS_HELD + kept.why, now)
    told(connection, [row.id for row in rows if row.state == "standing"], now)
    return len(rows)


def _bring_back(connection: Connection, now: datetime) -> None:
    early = (decisions.c.state == "ended") & (decisions.c.until > _seconds(now) + _APART_S)
    if connection.execute(select(decisions.c.id).where(early).limit(1)).first() is None:
        return
    take_turn(connection)
    edit, deeds, standing = Edit(), list[tuple[str, str, str]](), list[str]()
    for row in connection.execute(select(decisions).where(early).order_by(decisions.c.id)):
        kept = kept_of(row)
        if not bears(kept, kept.decision.evidence, kept.struck):
            continue  # undone meanwhile
        held = kept.why.startswith(_WAS_HELD)
        if held:
            edit.put(replace(kept, state="held", why=kept.why.removeprefix(_WAS_HELD), by=_CLOCK))
        else:
            edit.put(replace(kept, state="standing", why="", by=""))
            standing.append(row.id)
        deeds.append(("restore", row.id, "ended before its time by a clock that was ahead"))
    edit.known(connection)
    note(connection, deeds, _CLOCK, now)
    told(connection, standing, now)


def _in_state(connection: Connection, id_: str, state: State, now: datetime) -> Kept:
    kept = find(connection, id_)
    if kept is None:
        raise InputError(
            f"no decision {id_!r} is kept here", hint="`stillwatch decisions list` shows them"
        )
    over = kept.decision.until <= now
    if kept.state != state or over:
        told_by = f" by {kept.by}: {kept.why}" if kept.by else ""
        is_ = "ended" if over and kept.state in ("standing", "held") else kept.state + told_by
        raise InputError(
            f"{id_} is not {state}: it is {is_}", hint=f"`stillwatch decisions show {id_}`"
        )
    return kept


def _move(
    connection: Connection,
    items: list[Kept],
    state: State,
    act: str,
    by: str,
    reason: str,
    now: datetime,
) -> None:
    edit = Edit()
    for kept in items:
        edit.put(replace(kept, state=state, by=by, why=reason))
    edit.known(connection)
    note(connection, ((act, kept.decision.id, reason) for kept in items), by, now)


def _seconds(now: datetime) -> int:
    return int(now.timestamp())
