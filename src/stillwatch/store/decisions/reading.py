"""Looking at decisions: one, many by page, and how many are new."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from stillwatch.domain.decision import Effect
from stillwatch.store.decisions.rows import Kept, State, kept_of
from stillwatch.store.schema import decision_evidence, decisions


@dataclass(frozen=True, slots=True)
class Recent:
    """What policies brought into force lately: shadow, held and refused decisions aside."""

    by_effect: Mapping[tuple[str, str], int]
    """How many, by origin and effect."""

    @property
    def blocks(self) -> dict[str, int]:
        """Blocks by origin."""
        return {o: n for (o, effect), n in self.by_effect.items() if effect == Effect.BLOCK}


def find(connection: Connection, id: str) -> Kept | None:  # noqa: A002
    """One decision, whatever its state."""
    row = connection.execute(select(decisions).where(decisions.c.id == id)).first()
    return None if row is None else kept_of(row)


def listed(
    connection: Connection,
    *,
    scope: str | None = None,
    value: str | None = None,
    state: State | None = None,
    effect: str | None = None,
    evidence: str | None = None,
    limit: int = 1000,
    after: str | None = None,
    latest: bool = False,
) -> list[Kept]:
    """Decisions in the order of their ids; ``after`` one, so that pages lose and repeat nothing.

    ``latest``: those made last come first instead, and ``after`` does not apply.
    ``effect`` is that in force: a suspended block is found among ``observe``.
    """
    query = select(decisions).limit(limit)
    wanted = {"scope": scope, "value": value, "state": state, "effect": effect}
    for name, asked in wanted.items():
        if asked is not None:
            query = query.where(decisions.c[name] == asked)
    if evidence is not None:
        its = decision_evidence.c.decision == decisions.c.id
        query = query.join(decision_evidence, its).where(decision_evidence.c.evidence == evidence)
    if latest:
        query = query.order_by(decisions.c.made.desc(), decisions.c.id)
    else:
        query = query.order_by(decisions.c.id)
        query = query if after is None else query.where(decisions.c.id > after)
    return [kept_of(row) for row in connection.execute(query)]


def made_since(connection: Connection, instant: datetime) -> Recent:
    """How many decisions policies brought into force that were made at or after an instant."""
    mine = (
        decisions.c.origin.like("policy:%")
        & (decisions.c.made >= int(instant.timestamp()))
        & (decisions.c.shadow == 0)
        & decisions.c.state.in_(("standing", "lifted", "ended"))
    )
    columns = decisions.c.origin, decisions.c.effect
    query = select(*columns, func.count()).where(mine).group_by(*columns)
    return Recent({(origin, effect): n for origin, effect, n in connection.execute(query)})
