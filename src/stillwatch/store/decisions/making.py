"""Making decisions: into force, or held for a person."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import Connection

from stillwatch.domain.decision import Decision, DecisionId
from stillwatch.errors import InputError
from stillwatch.store.decisions.acts import answerable, note
from stillwatch.store.decisions.rows import (
    Edit,
    Kept,
    kept_of,
    rest_on,
    rows_by_id,
    suspended,
    unborne,
)
from stillwatch.store.decisions.stream import take_turn, told


def add(
    connection: Connection,
    decisions: Sequence[Decision],
    *,
    by: str,
    now: datetime,
    held: str = "",
) -> list[DecisionId]:
    """Keep decisions, in force or (``held``: why) for a person to release; their ids.

    One whose id is known replaces it: a renewed decision. What suspends that one suspends the new
    one too; what is as it was leaves no trace. Raises ``InputError`` for one that has ended, and
    for a policy's block, throttle or degrade without evidence of our own; then nothing is kept.
    """
    answerable(by)
    wanted = {one.id: _fit(one, now) for one in decisions}
    take_turn(connection)
    before = {row.id: kept_of(row) for row in rows_by_id(connection, wanted)}
    fresh, renewed, deeds, changed = Edit(), Edit(), list[tuple[str, str, str]](), list[str]()
    for id_, one in wanted.items():
        had = before.get(id_)
        kept = _kept(one, had, held, by)
        if kept == had:
            continue
        (fresh if had is None else renewed).put(kept)
        deeds.append(("hold" if held else "renew" if had else "add", id_, _told(one, held)))
        if not held or (had and had.state == "standing"):
            changed.append(id_)
    fresh.new(connection)
    renewed.known(connection)
    touched = {row["id"] for row in (*fresh.rows, *renewed.rows)}
    rest_on(
        connection,
        (one for one in wanted.values() if one.id in touched),
        [row["id"] for row in renewed.rows],
    )
    note(connection, deeds, by, now)
    told(connection, changed, now)
    return list(wanted)


def _fit(one: Decision, now: datetime) -> Decision:
    """In normal form. Raises ``InputError``."""
    try:
        same = Decision.of(one.record())
    except ValueError as error:
        raise InputError(f"{one.id}: {error}") from error
    if same.until <= now:
        raise InputError(f"{one.id} ended {same.until:%Y-%m-%d %H:%M} UTC", hint="name a later end")
    if unborne(same.effect, same.origin, same.evidence):
        raise InputError(
            f"{one.id}: {one.origin} would {one.effect} {one.subject.scope} {one.subject.value!r} "
            "without evidence of our own",
            hint="another lab's word alone bears observe or challenge, or a person decides",
        )
    return same


def _kept(one: Decision, had: Kept | None, held: str, by: str) -> Kept:
    kept = Kept(one, "standing") if not held else Kept(one, "held", held, by)
    if had is None:
        return kept
    kept = replace(kept, struck=tuple(e for e in had.struck if e not in one.evidence))
    if had.state == kept.state == "standing":
        kept = replace(kept, why=had.why, by=had.by)
    return suspended(kept, had.suspended.causes) if had.suspended else kept


def _told(one: Decision, held: str) -> str:
    until = one.until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    said = f"{'shadow ' if one.shadow else ''}{one.effect} until {until}: {one.reason}"
    return f"{held}; {said}" if held else said
