"""What became of cases: told to people, counted by population, and written by ``enact``."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

from stillwatch.domain.decision import Decision, Effect
from stillwatch.gateway.policy.case import Case

What = Literal[
    "made", "renewed", "grown", "standing", "held", "waiting", "spared", "settled", "unmatched"
]  # fmt: skip
WHATS: Final[dict[What, str]] = {
    "made": "decided anew",
    "renewed": "stood, and stands longer",
    "grown": "joined a campaign that stood",
    "standing": "stands already, as strong or stronger",
    "held": "decided, and held for a person",
    "waiting": "held already, a person has not looked yet",
    "spared": "spared by a rule, an allow, a clearance or a guard",
    "settled": "a person's decision stands",
    "unmatched": "no rule speaks of it",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a case, or of some of its accounts."""

    case: Case
    what: What
    accounts: tuple[str, ...]
    """Those it became of; empty for a sign-up."""
    why: str
    rule: str = ""
    effect: Effect | None = None
    decision: str | None = None
    """Its id, where there is one."""


@dataclass
class Plan:
    """What is to be written, and what is to be told."""

    put: list[Decision] = field(default_factory=list)
    """Into force, or into shadow."""
    hold: list[tuple[Decision, str]] = field(default_factory=list)
    """For a person, with the reason."""
    reaches: dict[str, tuple[int, float, float]] = field(default_factory=dict)
    """What decisions newly touch, by id: accounts, shares of traffic and of accounts."""
    asks: dict[str, str] = field(default_factory=dict)
    """Decisions in shadow, by id, that a person has to let into force, and why."""
    outcomes: list[Outcome] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    """Ids of what is put."""

    def keep(self, decision: Decision) -> None:
        """Put a decision into force, or into shadow."""
        self.put.append(decision)
        self.taken.add(decision.id)


def counted(outcomes: Iterable[Outcome]) -> Counter[tuple[str, str, str]]:
    """Accounts (a sign-up counts as one) by population, what became of them, and effect."""
    found = Counter[tuple[str, str, str]]()
    for one in outcomes:
        key = (one.case.population, one.what, one.effect.value if one.effect else "")
        found[key] += max(1, len(one.accounts))
    return found
