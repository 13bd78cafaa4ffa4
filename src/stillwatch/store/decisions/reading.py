"""Looking at decisions: one, many by page, and how many are new."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_network
from itertools import islice
from typing import Final

import orjson
from sqlalchemy import Connection, func, select

from stillwatch.domain.decision import DecisionId, Effect, Scope, Subject
from stillwatch.store.decisions.rows import Kept, State, kept_of, parts
from stillwatch.store.schema import decision_evidence, decisions

_WHOLE: Final = len("decision--") + 36


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


def on(connection: Connection, subjects: Iterable[Subject]) -> list[Kept]:
    """What stands on these very subjects, held or not; the oldest first."""
    values = dict[Scope, list[str]]()
    for subject in subjects:
        values.setdefault(subject.scope, []).append(subject.value)
    found = list[Kept]()
    for scope, names in values.items():
        for part in parts(names):
            its = (decisions.c.scope == scope.value) & decisions.c.value.in_(part)
            query = select(decisions).where(its & decisions.c.state.in_(("standing", "held")))
            found += map(kept_of, connection.execute(query.order_by(decisions.c.made)))
    return found


def touching(connection: Connection, value: str, limit: int = 1000) -> list[Kept]:
    """What stands on whatever has this name: in any scope, as an address of a range, as a member."""
    try:
        network = ip_network(Subject.of(Scope.RANGE, value).value)
    except ValueError:
        around = list[str]()
    else:
        lengths = range(network.prefixlen + 1)
        around = [str(network.supernet(new_prefix=length)) for length in lengths]
    quoted = orjson.dumps(value).decode()
    named = (decisions.c.value == value) & (decisions.c.scope != Scope.RANGE.value)
    inside = (decisions.c.scope == Scope.RANGE.value) & decisions.c.value.in_(around)
    member = (decisions.c.scope == Scope.CAMPAIGN.value) & decisions.c.rest.contains(
        quoted, autoescape=True
    )
    stands = decisions.c.state.in_(("standing", "held"))
    query = select(decisions).where(stands & (named | inside | member)).order_by(decisions.c.made)
    found = map(kept_of, connection.execute(query))
    sure = (k for k in found if k.decision.subject.scope is not Scope.CAMPAIGN or _in(k, value))
    return list(islice(sure, limit))


def by_prefix(connection: Connection, start: str, limit: int = 2) -> list[DecisionId]:
    """Ids that begin so; a whole one is looked up, a part is searched for."""
    whole = len(start) == _WHOLE
    begins = decisions.c.id == start if whole else decisions.c.id.startswith(start, autoescape=True)
    query = select(decisions.c.id).where(begins).order_by(decisions.c.id).limit(limit)
    return [DecisionId(id_) for id_ in connection.scalars(query)]


def _in(kept: Kept, value: str) -> bool:
    return value == kept.decision.subject.value or value in kept.decision.members


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
