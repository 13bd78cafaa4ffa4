"""What is to be done about cases, given what stands. No input or output here.

1. Each case gets its ruling; populations of one campaign under one rule are taken together.
2. Each account is looked at alone: what the guards, an allow, a clearance or a person says of it.
3. What is left is made, or what stands of it is renewed; a campaign is recognised by its members,
   whatever a run calls it. Nothing that stands is weakened, and nothing is renewed by traffic from
   before it was decided: an old result applied every day would otherwise never end.
4. What is newly touched is counted against the blast radius, the strongest evidence first; what is
   over a bound is held.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from stillwatch.domain.decision import SEVERITY, Effect
from stillwatch.gateway.policy.case import Case, Member
from stillwatch.gateway.policy.deciding import Group
from stillwatch.gateway.policy.guards import Blast
from stillwatch.gateway.policy.load import Policy, Ruling
from stillwatch.gateway.policy.outcome import Outcome, Plan, What
from stillwatch.gateway.policy.standing import Standing


def plan(
    policy: Policy,
    cases: Iterable[Case],
    now: datetime,
    standing: Standing,
    blast: Blast,
    *,
    shadow: bool = False,
) -> Plan:
    """Decide all cases, the strongest evidence first."""
    found = Plan()
    groups = defaultdict[tuple[str, ...], list[tuple[Case, Ruling]]](list)
    for given in cases:
        case = standing.without_undone(given)
        if case is None:
            why = "the evidence was undone: nothing is decided on it again"
            found.outcomes.append(_outcome(given, "spared", given.members, why))
            continue
        ruling = policy.ruling(case, now)
        if ruling.decision is None:
            what: What = "spared" if ruling.spared else "unmatched"
            found.outcomes.append(_outcome(case, what, case.members, ruling.why, ruling.rule))
            continue
        subject = ruling.decision.subject
        groups[(subject.scope, subject.value, ruling.decision.effect)].append((case, ruling))
    for group in sorted(groups.values(), key=_strength):
        Group(policy, group, now, standing, blast, shadow, found).decide()
    return found


def _strength(group: Sequence[tuple[Case, Ruling]]) -> tuple[float, ...]:
    case, ruling = group[0]
    effect = ruling.decision.effect if ruling.decision else Effect.OBSERVE
    p_value = 1.0 if case.p_value is None else case.p_value
    return (-SEVERITY[effect], -int(case.own), p_value, -(case.confidence or 0.0), -case.labs)


def _outcome(
    case: Case, what: What, members: Sequence[Member], why: str, rule: str = ""
) -> Outcome:
    return Outcome(case, what, tuple(member.account for member in members), why, rule)
