"""What stands already when a policy decides: allows, persons' decisions, clearances, its own.

Rules of clearance
    - A person who lifts a decision, refuses a held one, or undoes the lab's own evidence under one (an
      appeal upheld) clears all whom it touched, until it would have ended.
    - A finding on traffic from before the clearance is what the person has looked at: spared.
    - A finding on traffic after a lift is new: it is held for a person, once. When that is refused,
      the answer is no until then: spared.
    - Evidence that was undone is never used again, whoever comes with it.
    - A person's decision that stands on an account settles it until it ends: a policy makes no weaker
      or equal one beside it, and one that is stronger is held.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from sqlalchemy import ColumnElement, Connection, or_, select

from stillwatch.domain.decision import SEVERITY, Effect, Scope, Subject, is_own
from stillwatch.gateway.policy.case import Case
from stillwatch.gateway.policy.guards import Allows, Covers
from stillwatch.store.decisions import Kept, undone
from stillwatch.store.decisions.rows import kept_of, parts
from stillwatch.store.schema import decision_acts, decisions

_VALUES = 500
_LIVE = ("standing", "held")


@dataclass(frozen=True, slots=True)
class Clearance:
    """A person said no to a decision."""

    kept: Kept
    at: datetime
    """When."""

    @property
    def final(self) -> bool:
        """Whether a held decision was refused: the question is answered."""
        return self.kept.state == "refused"

    @property
    def words(self) -> str:
        """For people."""
        verb = "refused" if self.final else "lifted"
        until = f"{self.kept.decision.until:%Y-%m-%d}"
        return (
            f"{verb} by {self.kept.by or 'a person'} on {self.at:%Y-%m-%d}, cleared until {until}"
        )


@dataclass
class Standing:
    """What stands at one instant."""

    allows: Allows = field(default_factory=lambda: Allows(Covers()))
    persons: dict[Subject, Kept] = field(default_factory=dict)
    """Persons' decisions in force, by subject; of a campaign by its members as well."""
    clearances: Covers = field(default_factory=Covers)
    cleared: dict[str, Clearance] = field(default_factory=dict)
    """By decision id."""
    own: dict[Subject, list[Kept]] = field(default_factory=lambda: defaultdict(list))
    """This policy's own that are live, by what they touch."""
    campaigns: set[str] = field(default_factory=set)
    """Ids of this policy's own decisions on campaigns that are live."""
    undone: frozenset[str] = frozenset()
    """Evidence that counts no more."""

    @classmethod
    def read(
        cls, connection: Connection, origin: str, cases: Sequence[Case], now: datetime
    ) -> Self:
        """What the store says of these cases; in the caller's transaction."""
        evidence = {one for case in cases for one in case.evidence}
        found = cls(undone=undone(connection, evidence))
        by_people = [
            kept_of(row) for row in connection.execute(select(decisions).where(_by_people(now)))
        ]
        found.allows = Allows.of((one.decision for one in by_people), now)
        for kept in by_people:
            found._settled(kept)
        found._clear(connection, now)
        for kept in _own(connection, origin, cases, now):
            found._mine(kept)
        return found

    def without_undone(self, case: Case) -> Case | None:
        """The case on what still counts; None where its own evidence was undone."""
        gone = self.undone.intersection(case.evidence)
        if not gone:
            return case
        left = tuple(one for one in case.evidence if one not in gone)
        if not left or any(map(is_own, gone)):
            return None
        return replace(case, evidence=left, labs=max(0, case.labs - len(gone)))

    def cleared_by(self, subjects: Iterable[Subject]) -> Clearance | None:
        """The clearance that covers any of them."""
        for subject in subjects:
            if (found := self.clearances.covering(subject)) is not None:
                return self.cleared[found]
        return None

    def _settled(self, kept: Kept) -> None:
        if kept.effect is Effect.ALLOW or kept.decision.shadow:
            return
        for subject in _touches(kept):
            had = self.persons.get(subject)
            if had is None or SEVERITY[had.effect] < SEVERITY[kept.effect]:
                self.persons[subject] = kept

    def _clear(self, connection: Connection, now: datetime) -> None:
        wanted = decisions.c.state.in_(("lifted", "refused")) & (decisions.c.until > _seconds(now))
        query = select(decisions).where(wanted).order_by(decisions.c.until)
        said = [kept_of(row) for row in connection.execute(query)]
        how = _said_how(connection, [kept.decision.id for kept in said])
        for kept in said:  # the one that ends last counts
            id_ = kept.decision.id
            act, at = how.get(id_, ("lift", kept.decision.made))
            if kept.effect is Effect.ALLOW or (act == "fall" and not any(map(is_own, kept.struck))):
                continue  # what fell with others' words alone, no person said no to
            self.cleared[id_] = Clearance(kept, at)
            for subject in _touches(kept):
                self.clearances.add(subject, id_)

    def _mine(self, kept: Kept) -> None:
        if kept.decision.subject.scope is Scope.CAMPAIGN:
            self.campaigns.add(kept.decision.id)
        for subject in _touches(kept):
            self.own[subject].append(kept)


def _touches(kept: Kept) -> Iterator[Subject]:
    yield kept.decision.subject
    for member in kept.decision.members:
        yield Subject(Scope.ACCOUNT, member)


def _by_people(now: datetime) -> ColumnElement[bool]:
    """Decisions in force that no policy made."""
    in_force = (decisions.c.state == "standing") & (decisions.c.until > _seconds(now))
    return in_force & or_(decisions.c.origin < "policy:", decisions.c.origin >= "policy;")


def _own(
    connection: Connection, origin: str, cases: Sequence[Case], now: datetime
) -> Iterator[Kept]:
    """The policy's own live campaigns, and its decisions on subjects and accounts of the cases."""
    live = (
        (decisions.c.origin == origin)
        & decisions.c.state.in_(_LIVE)
        & (decisions.c.until > _seconds(now))
    )
    campaigns = select(decisions).where(live, decisions.c.scope == Scope.CAMPAIGN)
    yield from map(kept_of, connection.execute(campaigns))
    wanted = defaultdict[Scope, set[str]](set)
    for case in cases:
        wanted[case.subject.scope].add(case.subject.value)
        wanted[Scope.ACCOUNT].update(member.account for member in case.members)
    for scope, values in wanted.items():
        if scope is Scope.CAMPAIGN:
            continue
        every = sorted(values)
        for start in range(0, len(every), _VALUES):
            its = decisions.c.value.in_(every[start : start + _VALUES])
            query = select(decisions).where(live, decisions.c.scope == scope, its)
            yield from map(kept_of, connection.execute(query))


def _said_how(connection: Connection, ids: Sequence[str]) -> dict[str, tuple[str, datetime]]:
    """How and when each was last lifted, refused, or fell."""
    found = dict[str, tuple[str, datetime]]()
    for part in parts(ids):
        said = decision_acts.c.act.in_(("lift", "fall", "refuse"))
        columns = decision_acts.c.decision, decision_acts.c.act, decision_acts.c.at
        its = decision_acts.c.decision.in_(part) & said
        for id_, act, at in connection.execute(
            select(*columns).where(its).order_by(decision_acts.c.seq)
        ):
            found[id_] = (act, datetime.fromisoformat(at))
    return found


def _seconds(now: datetime) -> int:
    return int(now.timestamp())
