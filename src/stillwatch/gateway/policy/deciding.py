"""Deciding one group of cases: an account, a sign-up, or all of a campaign under one rule.

Steps 2 to 4 of ``plan``: each account alone, what stands of it, and the blast radius.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from stillwatch.domain.decision import (
    MOST_MEMBERS,
    SEVERITY,
    Decision,
    DecisionId,
    Effect,
    Scope,
    Subject,
)
from stillwatch.gateway.policy.case import Case, Member
from stillwatch.gateway.policy.guards import Blast, subjects_of
from stillwatch.gateway.policy.load import Policy, Ruling
from stillwatch.gateway.policy.outcome import Outcome, Plan, What
from stillwatch.gateway.policy.standing import Standing
from stillwatch.store.decisions import Kept

_POPULATION: Final = ("access_path", "spend_tier", "verified", "authorized_use")
_EXTENDS: Final = 0.1
"""Part of a decision's time that must have passed for it to be renewed: gateways are told of each."""
_SAME: Final = 0.5
"""Part of an earlier campaign's members that makes a later one the same."""


@dataclass
class Group:
    """Cases that one decision is about: one account, or the populations of a campaign."""

    policy: Policy
    cases: Sequence[tuple[Case, Ruling]]
    now: datetime
    standing: Standing
    blast: Blast
    shadow: bool
    found: Plan

    def decide(self) -> None:
        """Add what is to be done to the plan."""
        # 2. each account alone
        self.whole = merged([case for case, _ in self.cases])
        rule = self.policy.named(self.cases[0][1].rule)
        ruling = self.policy.by_rule(rule, self.whole, self.now)
        assert ruling.decision is not None  # only such rulings are grouped
        self.decision = replace(ruling.decision, shadow=self.shadow)
        self.rule, self.effect = ruling.rule, ruling.decision.effect
        apart = defaultdict[str, list[Member]](list)
        left = list[Member]()
        for member, subjects in self._looked_at():
            what, why = self._of(subjects)
            if what == "left":
                left.append(member)
            elif what == "hold":
                apart[why].append(member)
            else:
                self._tell(what, [member], why)  # type: ignore[arg-type]
        for why, members in apart.items():
            self._hold(members, why)
        if not left:
            return
        if not ruling.hold:
            self._put(left)
            return
        # what a person let into force stands to its end; then the person is asked again
        self._tell("standing", [one for one in left if self._touched(one)], "stands already")
        self._hold([one for one in left if not self._touched(one)], ruling.hold)

    def _looked_at(self) -> Iterator[tuple[Member, list[Subject]]]:
        if self.whole.subject.scope is not Scope.CAMPAIGN:
            member = self.whole.members[0] if self.whole.members else Member("")
            yield member, [*dict.fromkeys((self.decision.subject, *subjects_of(self.whole)))]
            return
        shared = list(subjects_of(self.whole))
        for member in self.whole.members:
            account = Subject(Scope.ACCOUNT, member.account)
            yield member, [account, *member.carries, *shared]

    def _of(self, subjects: Sequence[Subject]) -> tuple[str, str]:
        if listed := self.policy.guards.never.listing(subjects):
            return "spared", f"guard never: {listed}"
        if allow := self.standing.allows.covering(subjects):
            return "spared", f"allowed by {allow}"
        own = [one for one in self.standing.own.get(subjects[0], ()) if self._counts(one)]
        if any(one.state == "held" for one in own):
            return "waiting", "held already"
        person = self.standing.persons.get(subjects[0])
        cleared = self.standing.cleared_by(subjects)
        asked = SEVERITY[self.effect]
        if (cleared or person) and any(SEVERITY[one.effect] >= asked for one in own):
            return "standing", "stands already"  # a person let it into force since
        if cleared:
            seen = self.whole.last_seen
            if cleared.final or seen is None or seen <= cleared.at:
                return "spared", cleared.words
            return "hold", f"{cleared.words}, and seen again since: look again"
        if person is not None:
            said = f"{person.decision.origin} decided {person.effect} until {person.decision.until:%Y-%m-%d}"
            if SEVERITY[person.effect] >= SEVERITY[self.effect]:
                return "settled", said
            return "hold", f"{said}, which is weaker: look again"
        if any(SEVERITY[one.effect] > asked for one in own):
            return "standing", "a stronger decision of this policy stands"
        if self.shadow and any(
            SEVERITY[one.effect] == asked for one in own if not one.decision.shadow
        ):
            return "standing", "stands already, and not in shadow"
        return "left", ""

    def _counts(self, kept: Kept) -> bool:
        """Whether a decision of this policy's own is in force, or waits to be; in shadow, any."""
        return not kept.decision.shadow or (self.shadow and kept.state == "standing")

    def _put(self, members: list[Member]) -> None:
        # 3. recognise what stands
        before = self._before(members)
        new = [member for member in members if not self._touched(member)]
        why = self._admitted(new)
        if why and not self.shadow:
            self._hold(new, why)
            members = [member for member in members if self._touched(member)]
            new = []
        if not members:
            return
        if before is None or (before.decision.shadow and not self.shadow):
            self._make(before, members, new, why)
        else:
            self._renew(before, members, new, why)

    def _make(
        self, before: Kept | None, members: list[Member], new: list[Member], why: str
    ) -> None:
        decision = self._made(members, before.decision.id if before else self._id(members))
        self.found.keep(decision)
        self._reach(decision, new)
        self._tell("made", members, self._would(why), decision)

    def _renew(self, before: Kept, members: list[Member], new: list[Member], why: str) -> None:
        """Let what stands go on: only traffic seen since it was last decided makes it last longer."""
        had, fresh = before.decision, self.decision
        spent = (fresh.until - had.until).total_seconds()
        lasts = (fresh.until - fresh.made).total_seconds()
        stays = [member for member in members if member not in new]
        seen = self.whole.last_seen
        since = seen is None or seen > self.now - timedelta(seconds=spent)
        if not new and (spent < _EXTENDS * lasts or not since):
            self._tell("standing", members, "stands already", had)
            return
        gone = sorted(set(had.members) - {member.account for member in members})
        decision = self._made(members, had.id)
        if before.suspended:  # who appeals stays under the one decision that waits for the answer
            decision = replace(decision, members=(*decision.members, *gone)[:MOST_MEMBERS])
            gone = []
        decision = replace(
            decision,
            subject=had.subject,
            made=fresh.made if new else had.made,
            until=max(fresh.until, had.until),
        )
        self.found.keep(decision)
        if gone:
            self.found.keep(self._left_behind(had, gone))
        self._reach(decision, new)
        self._tell("grown", new, self._would(why), decision)
        self._tell("renewed", stays, "", decision)

    def _left_behind(self, had: Decision, gone: list[str]) -> Decision:
        """Members of before that are not found again keep their own end."""
        value = f"{had.subject.value}/until-{had.until:%Y%m%dT%H%M%SZ}"[:512]
        subject = Subject.of(Scope.CAMPAIGN, value)
        return replace(
            had,
            id=self.policy.id_of(subject, had.effect, "shadow" if had.shadow else ""),
            subject=subject,
            members=tuple(gone),
        )

    def _hold(self, members: list[Member], why: str) -> None:
        if not members:
            return
        decision = self._made(members, self._part("shadow" if self.shadow else "held", members))
        self._reach(decision, members)
        if self.shadow:
            self.found.keep(decision)
            self.found.asks[decision.id] = why
            self._tell("made", members, self._would(why), decision)
            return
        self.found.hold.append((decision, why))
        self._tell("held", members, why, decision)

    def _made(self, members: list[Member], id_: DecisionId) -> Decision:
        campaign = self.decision.subject.scope is Scope.CAMPAIGN
        accounts = tuple(member.account for member in members) if campaign else ()
        return replace(self.decision, id=id_, members=accounts)

    def _id(self, members: list[Member]) -> DecisionId:
        """That of the subject, unless it is of another decision that stands or was taken back."""
        id_ = self.policy.id_of(self.decision.subject, self.effect, "shadow" if self.shadow else "")
        if (
            id_ in self.found.taken
            or id_ in self.standing.campaigns
            or id_ in self.standing.cleared
        ):
            return self._part("shadow" if self.shadow else "", members)
        return id_

    def _part(self, part: str, members: list[Member]) -> DecisionId:
        """The id of a decision on some of the campaign's accounts."""
        names = "\n".join(sorted(member.account for member in members))
        digest = hashlib.sha256(names.encode("utf-8", "surrogatepass")).hexdigest()
        return self.policy.id_of(self.decision.subject, self.effect, f"{part} {digest}")

    def _before(self, members: list[Member]) -> Kept | None:
        """The policy's own decision that this one goes on from, of the same effect."""
        own = self.standing
        if self.decision.subject.scope is not Scope.CAMPAIGN:
            mine = own.own.get(self.decision.subject, [])
            same = [one for one in mine if self._goes_on(one)]
            return min(same, key=lambda one: one.decision.shadow, default=None)
        shared, live = Counter[str](), dict[str, Kept]()
        for member in members:
            for one in own.own.get(Subject(Scope.ACCOUNT, member.account), ()):
                if one.decision.subject.scope is Scope.CAMPAIGN and self._goes_on(one):
                    shared[one.decision.id] += 1
                    live[one.decision.id] = one
        earlier = [
            (count, not live[id_].decision.shadow, id_)
            for id_, count in shared.items()
            if count >= _SAME * len(live[id_].decision.members)
        ]
        return live[max(earlier)[2]] if earlier else None

    def _goes_on(self, one: Kept) -> bool:
        return (
            one.state == "standing"
            and one.effect is self.effect
            and one.decision.id not in self.found.taken
            and (one.decision.shadow or not self.shadow)
        )

    def _touched(self, member: Member) -> bool:
        """Whether it is under an equal decision of this policy already."""
        subject = self.decision.subject
        if subject.scope is Scope.CAMPAIGN:
            subject = Subject(Scope.ACCOUNT, member.account)
        return any(
            one.state == "standing" and SEVERITY[one.effect] >= SEVERITY[self.effect]
            for one in self.standing.own.get(subject, ())
            if self._counts(one)
        )

    # 4. blast radius

    def _admitted(self, new: list[Member]) -> str:
        return self.blast.admit(self.effect, *self._extent(new)) if new else ""

    def _extent(self, members: list[Member]) -> tuple[int, float, float]:
        """Accounts, and their shares of traffic and of accounts."""
        whole = self.whole
        if not whole.members:
            return 1, whole.traffic_share or 0.0, whole.account_share or 0.0
        events = sum(member.events for member in members)
        of_traffic = events / whole.events if whole.events else len(members) / len(whole.members)
        return (
            len(members),
            (whole.traffic_share or 0.0) * of_traffic,
            (whole.account_share or 0.0) * len(members) / len(whole.members),
        )

    def _reach(self, decision: Decision, new: list[Member]) -> None:
        if new and self.effect is not Effect.OBSERVE:
            self.found.reaches[decision.id] = self._extent(new)

    def _would(self, why: str) -> str:
        """In shadow nothing is held; what would be is said."""
        return f"would be held: {why}" if why else ""

    def _tell(
        self, what: What, members: Sequence[Member], why: str, decision: Decision | None = None
    ) -> None:
        if not members:
            return
        chosen = {member.account for member in members}
        for case, _ in self.cases:
            mine = [member for member in case.members if member.account in chosen]
            if mine or not case.members:
                self.found.outcomes.append(
                    Outcome(
                        case,
                        what,
                        tuple(member.account for member in mine),
                        why or self.decision.reason,
                        self.rule,
                        self.effect,
                        decision.id if decision else None,
                    )
                )


def merged(cases: Sequence[Case]) -> Case:
    """Populations of one campaign as one case; what they differ in is not known of the whole."""
    if len(cases) == 1:
        return cases[0]

    def summed(values: list[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return sum(known) if known else None

    first = cases[0]
    apart = {name: len({getattr(case, name) for case in cases}) > 1 for name in _POPULATION}
    return replace(
        first,
        members=tuple(member for case in cases for member in case.members),
        evidence=tuple(dict.fromkeys(one for case in cases for one in case.evidence))[:64],
        events=sum(case.events for case in cases),
        labs=max(case.labs for case in cases),
        traffic_share=summed([case.traffic_share for case in cases]),
        account_share=summed([case.account_share for case in cases]),
        access_path=None if apart["access_path"] else first.access_path,
        spend_tier=None if apart["spend_tier"] else first.spend_tier,
        verified=None if apart["verified"] else first.verified,
        authorized_use=None if apart["authorized_use"] else first.authorized_use,
    )
