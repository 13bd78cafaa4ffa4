"""Arming: what a policy decided in shadow becomes real, once people have looked at it.

Rules: the same blast radius as everything else; what the policy leaves to a person is
held for one; what an allow, a clearance or a person's decision has
covered since is left out, and what rests on evidence that was undone since.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, select

from stillwatch.domain.decision import SEVERITY, Decision, Scope, Subject, is_own
from stillwatch.gateway.policy.enact import spent, write
from stillwatch.gateway.policy.guards import OWN_ONLY, Blast
from stillwatch.gateway.policy.load import Policy
from stillwatch.gateway.policy.outcome import Plan
from stillwatch.gateway.policy.standing import Standing
from stillwatch.store import reach
from stillwatch.store.database import Store
from stillwatch.store.decisions import undone
from stillwatch.store.decisions.acts import answerable, note
from stillwatch.store.decisions.rows import kept_of
from stillwatch.store.decisions.stream import take_turn
from stillwatch.store.reach import Reach
from stillwatch.store.schema import decisions


@dataclass(frozen=True, slots=True)
class Armed:
    """What became of a policy's decisions in shadow."""

    armed: tuple[Decision, ...]
    """In force now."""
    held: tuple[tuple[Decision, str], ...]
    """Over a bound: for a person, with the reason."""
    dropped: tuple[tuple[str, str], ...]
    """Left in shadow: scope and value, and why."""


def arm(
    store: Store, policy: Policy, *, now: datetime, by: str, reason: str, dry_run: bool = False
) -> Armed:
    """Make a policy's decisions in shadow real; one transaction. Raises ``InputError``."""
    reason = answerable(by, reason)
    with store.begin() as connection:
        if not dry_run:
            take_turn(connection)
        found = _Arming(connection, policy, now)
        found.all()
        if not dry_run:
            write(connection, policy, found.plan, by, now)
            note(connection, (("arm", one.id, reason) for one in found.plan.put), by, now)
    return Armed(tuple(found.plan.put), tuple(found.plan.hold), tuple(found.dropped))


class _Arming:
    def __init__(self, connection: Connection, policy: Policy, now: datetime) -> None:
        self.now, self.policy = now, policy
        self.shadow = list(_in_shadow(connection, policy, now))
        self.reaches = reach.of(connection, [one.id for one in self.shadow])
        self.blast = Blast(policy.guards, spent(connection, policy, now))
        self.standing = Standing.read(connection, policy.origin, [], now)
        self.undone = undone(connection, {e for one in self.shadow for e in one.evidence})
        self.plan = Plan()
        self.dropped = list[tuple[str, str]]()

    def all(self) -> None:
        """Decide about each, the strongest effect first."""
        for one in sorted(self.shadow, key=lambda one: (-SEVERITY[one.effect], one.made, one.id)):
            left = self._left(one)
            if isinstance(left, str):
                self.dropped.append((f"{one.subject.scope} {one.subject.value}", left))
            else:
                self._one(one, replace(left, shadow=False, made=self.now.replace(microsecond=0)))

    def _one(self, before: Decision, real: Decision) -> None:
        unknown = Reach(self.policy.origin, real.id, False, 0, max(1, len(real.members)))
        extent = self.reaches.get(real.id, unknown)
        part = len(real.members) / len(before.members) if before.members else 1.0
        counted = max(1, len(real.members)), extent.traffic * part, extent.accounts * part
        if why := extent.hold or self.blast.admit(real.effect, *counted):
            self.plan.hold.append((real, why))
        else:
            self.plan.put.append(real)
            self.plan.reaches[real.id] = counted

    def _left(self, one: Decision) -> Decision | str:
        """What of it may become real, or why nothing."""
        evidence = tuple(e for e in one.evidence if e not in self.undone)
        if not evidence or (one.effect in OWN_ONLY and not any(map(is_own, evidence))):
            return "its evidence was undone since"
        if one.subject.scope is not Scope.CAMPAIGN:
            return self._covered(one.subject) or replace(one, evidence=evidence)
        members = tuple(
            member for member in one.members if not self._covered(Subject(Scope.ACCOUNT, member))
        )
        if not members:
            return "an allow, a clearance or a person's decision covers all its accounts"
        return replace(one, evidence=evidence, members=members)

    def _covered(self, subject: Subject) -> str:
        if allow := self.standing.allows.covering([subject]):
            return f"allowed by {allow}"
        if cleared := self.standing.cleared_by([subject]):
            return cleared.words
        if listed := self.policy.guards.never.listing([subject]):
            return f"guard never: {listed}"
        person = self.standing.persons.get(subject)
        return f"{person.decision.origin} decided {person.effect}" if person else ""


def _in_shadow(connection: Connection, policy: Policy, now: datetime) -> Iterator[Decision]:
    """The policy's decisions in shadow; one under an open appeal waits for the answer."""
    query = select(decisions).where(
        decisions.c.origin == policy.origin,
        decisions.c.state == "standing",
        decisions.c.shadow == 1,
        decisions.c.until > int(now.timestamp()),
    )
    for row in connection.execute(query):
        kept = kept_of(row)
        if kept.suspended is None:
            yield kept.decision
