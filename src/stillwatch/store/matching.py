"""What a lab keeps about evaluators: inputs whose outputs are known, and who answered wrongly.

Rule: nothing of a customer stands here. Canaries are made up, and are mixed into what is asked so
that a wrong answer shows; an evaluator stays aside, over restarts, until a person restores it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select

from stillwatch.store.outbox import now
from stillwatch.store.schema import canaries, evaluators_aside, hubs


@dataclass(frozen=True, slots=True)
class Canary:
    """An input of nobody, and its proven output."""

    input: bytes
    output: bytes


@dataclass(frozen=True, slots=True)
class Aside:
    """An evaluator that is not asked any more."""

    member: str
    epoch: str
    at: str
    why: str
    evidence: str
    """File with the answers and proofs."""


def known_canaries(connection: Connection, epoch: str, public: str) -> list[Canary]:
    """Those of an epoch's key (hex)."""
    its = (canaries.c.epoch == epoch) & (canaries.c.public == public)
    rows = connection.execute(select(canaries).where(its).order_by(canaries.c.input))
    return [Canary(row.input, row.output) for row in rows]


def replace_canaries(
    connection: Connection, epoch: str, public: str, made: Iterable[Canary]
) -> None:
    """Keep these for an epoch's key, and none of what was kept for it before."""
    connection.execute(
        delete(canaries).where((canaries.c.epoch == epoch) & (canaries.c.public == public))
    )
    for one in made:
        connection.execute(
            insert(canaries).values(epoch=epoch, public=public, input=one.input, output=one.output)
        )


def set_aside(connection: Connection, member: str, epoch: str, why: str, evidence: str) -> None:
    """Ask a member's evaluator no more; the first reason stays."""
    its = evaluators_aside.c.member == member
    if connection.execute(select(evaluators_aside.c.at).where(its)).first() is None:
        connection.execute(
            insert(evaluators_aside).values(
                member=member, epoch=epoch, at=now(), why=why, evidence=evidence
            )
        )


def aside(connection: Connection) -> list[Aside]:
    """All that are not asked."""
    query = select(evaluators_aside).order_by(evaluators_aside.c.at)
    return [Aside(r.member, r.epoch, r.at, r.why, r.evidence) for r in connection.execute(query)]


def restore(connection: Connection, member: str) -> bool:
    """Ask a member's evaluator again; whether it was aside."""
    done = connection.execute(delete(evaluators_aside).where(evaluators_aside.c.member == member))
    return done.rowcount > 0


def last_pull(connection: Connection) -> str | None:
    """When the log of a hub was followed last; ISO 8601 in UTC."""
    found: str | None = connection.scalar(select(func.max(hubs.c.pulled)))
    return found
