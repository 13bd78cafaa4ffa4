"""Decisions for tests, with an instant they are all judged by."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from stillwatch.domain.decision import Decision, new_id
from stillwatch.store import decisions
from stillwatch.store.decisions import Change

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
CLAIM = "campaign--aaaaaaaa-0000-4000-8000-000000000001"
"""Another lab's word."""


def decided(value: str = "a", **changes: Any) -> Decision:
    """A policy's block of an account for a week, but for what is said otherwise."""
    said = {
        "id": new_id(),
        "effect": "block",
        "scope": "account",
        "value": value,
        "reason": "part of a campaign",
        "evidence": ["finding:run/C1"],
        "origin": "policy:standard",
        "made": int(NOW.timestamp()),
        "until": int((NOW + timedelta(days=7)).timestamp()),
    }
    return Decision.of(said | changes)


def in_force(connection: Connection, now: datetime = NOW) -> dict[str, Decision]:
    """What a gateway that starts now is told."""
    import orjson

    return {
        id_: Decision.of(
            {"id": id_, "effect": e, "scope": s, "value": v, "until": u, "shadow": bool(w)}
            | orjson.loads(rest)
        )
        for block in decisions.standing(connection, now)
        for id_, e, s, v, u, w, rest in zip(
            block.id, block.effect, block.scope, block.value, block.until, block.shadow, block.rest,
            strict=True,
        )
    }  # fmt: skip


def replayed(known: dict[str, Decision], changes: list[Change]) -> dict[str, Decision]:
    """What a gateway knows once it has followed changes."""
    for one in changes:
        if one.record is None:
            known.pop(one.id, None)
        else:
            known[one.id] = Decision.of(one.record)
    return known
