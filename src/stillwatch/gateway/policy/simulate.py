"""What a policy would have done: whom it would have touched, by population, before it is armed.

Rules: nothing is kept. Everything is decided as ``enact`` would in one go, with the guards and what
stands in the store if one is given; what a guard would have held is told apart from what would have
been in force. Where truth is known, every share carries its interval.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from stillwatch.domain.decision import SEVERITY
from stillwatch.domain.share import Share, wilson
from stillwatch.gateway.policy.case import Case
from stillwatch.gateway.policy.guards import Blast
from stillwatch.gateway.policy.load import Policy
from stillwatch.gateway.policy.outcome import Outcome
from stillwatch.gateway.policy.plan import plan
from stillwatch.gateway.policy.standing import Standing

EFFECTS: Final = tuple(effect.value for effect in reversed(SEVERITY))
"""The strongest first."""
IN_FORCE: Final = frozenset({"made", "renewed", "grown", "standing"})
HELD: Final = frozenset({"held", "waiting"})


class Label(NamedTuple):
    """What is known of one account."""

    hostile: bool
    kind: str
    """Population or tactic."""


class Touched(NamedTuple):
    """One account (or sign-up), and what would have become of it: the strongest."""

    subject: str
    outcome: str
    """``in force``, ``held``, ``spared``, or ``left alone``."""
    effect: str
    """Empty where none."""
    rule: str
    population: str
    campaign: str
    requests: int
    p_value: float | None
    confidence: float | None
    why: str
    label: str
    """``innocent``, ``hostile``, or empty where nothing is known."""
    kind: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: accounts and requests, by what would have become of them."""

    name: str
    accounts: Mapping[str, int]
    """By effect in force, and ``held``."""
    requests: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Truth:
    """One kind of account, where truth is known."""

    kind: str
    hostile: bool
    touched: Mapping[str, Share]
    """Share of all accounts of the kind, by effect in force, ``held``, and ``refused`` for what is
    blocked or challenged."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a policy would have done with one log."""

    policy: str
    version: int
    cases: int
    accounts: int
    """In the log; 0 where unknown."""
    events: int
    touched: tuple[Touched, ...]
    effects: tuple[Row, ...]
    populations: tuple[Row, ...]
    held: Mapping[str, int]
    """Accounts by the guard or rule that would have held them."""
    days: tuple[tuple[str, Mapping[str, int]], ...]
    """Requests of touched campaigns by day and effect; of single accounts the day is not known."""
    truth: tuple[Truth, ...]

    def record(self) -> dict[str, Any]:
        """As JSON shows it; who was touched is in the files of ``--out``."""
        return {
            "policy": self.policy,
            "version": self.version,
            "cases": self.cases,
            "accounts": self.accounts,
            "requests": self.events,
            "by_effect": [_record(row, self) for row in self.effects],
            "by_population": [_record(row, self) for row in self.populations],
            "held": dict(self.held),
            "days": [{"day": day, **counts} for day, counts in self.days],
            "truth": [
                {
                    "kind": one.kind,
                    "hostile": one.hostile,
                    **{name: _share(share) for name, share in one.touched.items()},
                }
                for one in self.truth
            ],
        }


def simulate(
    policy: Policy,
    cases: Iterable[Case],
    *,
    now: datetime,
    accounts: int = 0,
    events: int = 0,
    standing: Standing | None = None,
    blast: Blast | None = None,
    labels: Mapping[str, Label] | None = None,
) -> Trial:
    """Decide cases as if for the first time, keep nothing, and count."""
    listed = list(cases)
    found = plan(policy, listed, now, standing or Standing(), blast or Blast(policy.guards))
    touched = tuple(_strongest(found.outcomes, labels or {}))
    held = Counter[str]()
    for one in touched:
        if one.outcome == "held":
            held[_guard(one.why)] += 1
    return Trial(
        policy=policy.name,
        version=policy.version,
        cases=len(listed),
        accounts=accounts,
        events=events,
        touched=touched,
        effects=tuple(_by_effect(touched)),
        populations=tuple(_by_population(touched)),
        held=dict(held.most_common()),
        days=tuple(_by_day(found.outcomes)),
        truth=tuple(_against(touched, labels)) if labels else (),
    )


def _strongest(outcomes: Iterable[Outcome], labels: Mapping[str, Label]) -> Iterator[Touched]:
    best = dict[str, Touched]()
    for one in outcomes:
        requests = {member.account: member.events for member in one.case.members}
        for subject in one.accounts or (one.case.subject.value,):
            label = labels.get(subject)
            mine = Touched(
                subject,
                _outcome(one),
                one.effect.value if one.effect and one.what not in ("spared", "unmatched") else "",
                one.rule,
                one.case.population,
                one.case.group,
                requests.get(subject, one.case.events if not requests else 0),
                one.case.p_value,
                one.case.confidence,
                one.why,
                "" if label is None else "hostile" if label.hostile else "innocent",
                "" if label is None else label.kind,
            )
            if subject not in best or _rank(mine) > _rank(best[subject]):
                best[subject] = mine
    yield from sorted(best.values(), key=lambda one: (_rank(one), one.requests), reverse=True)


def _outcome(one: Outcome) -> str:
    if one.what in IN_FORCE:
        return "in force"
    if one.what in HELD:
        return "held"
    return "spared" if one.what == "spared" else "left alone"


def _rank(one: Touched) -> tuple[int, int]:
    severity = len(EFFECTS) - EFFECTS.index(one.effect) if one.effect else 0
    return (("left alone", "spared", "held", "in force").index(one.outcome), severity)


def _place(one: Touched) -> str:
    return one.effect if one.outcome == "in force" and one.effect else one.outcome


def _row(name: str, rows: Iterable[Touched]) -> Row:
    accounts, requests = Counter[str](), Counter[str]()
    for one in rows:
        accounts[_place(one)] += 1
        requests[_place(one)] += one.requests
    return Row(name, dict(accounts), dict(requests))


def _by_effect(touched: Iterable[Touched]) -> Iterator[Row]:
    groups = defaultdict[str, list[Touched]](list)
    for one in touched:
        groups[_place(one)].append(one)
    for name in (*EFFECTS, "held", "spared", "left alone"):
        if groups[name]:
            yield _row(name, groups[name])


def _by_population(touched: Iterable[Touched]) -> Iterator[Row]:
    groups = defaultdict[str, list[Touched]](list)
    for one in touched:
        groups[one.population].append(one)
    for name, rows in sorted(groups.items(), key=lambda item: -len(item[1])):
        yield _row(name, rows)


def _by_day(outcomes: Iterable[Outcome]) -> Iterator[tuple[str, Mapping[str, int]]]:
    days = defaultdict[str, Counter[str]](Counter)
    for one in outcomes:
        what = _outcome(one)
        if what not in ("in force", "held") or not one.case.members:
            continue
        name = one.effect.value if what == "in force" and one.effect else what
        part = len(one.accounts) / len(one.case.members)
        for day, count in one.case.days:
            days[day][name] += round(count * part)
    for day in sorted(days):
        yield day, dict(days[day])


def _against(touched: Iterable[Touched], labels: Mapping[str, Label]) -> Iterator[Truth]:
    """Shares of all labelled accounts of a kind, those that no finding named included."""
    totals = Counter((label.hostile, label.kind) for label in labels.values())
    hits = defaultdict[tuple[bool, str], Counter[str]](Counter)
    for one in touched:
        if (label := labels.get(one.subject)) is not None:
            hits[label.hostile, label.kind][_place(one)] += 1
    for hostile in (False, True):
        kinds = {kind: n for (bad, kind), n in totals.items() if bad is hostile}
        every = Counter[str]()
        for kind in kinds:
            every.update(hits[hostile, kind])
        if kinds:
            name = "all hostile" if hostile else "all innocent"
            yield Truth(name, hostile, _shares(every, sum(kinds.values())))
        for kind, total in sorted(kinds.items()):
            yield Truth(kind, hostile, _shares(hits[hostile, kind], total))


def _shares(hits: Counter[str], total: int) -> dict[str, Share]:
    refused = hits["block"] + hits["challenge"]
    counted = {**{name: hits[name] for name in (*EFFECTS, "held")}, "refused": refused}
    return {name: wilson(count, total) for name, count in counted.items()}


def _guard(why: str) -> str:
    """The guard or rule in a reason, without its figures."""
    return why.split(":", 1)[0] if why.startswith("blast radius") else why.split(",", 1)[0]


def _record(row: Row, trial: Trial) -> dict[str, Any]:
    total = sum(row.accounts.values())
    return {
        "name": row.name,
        "accounts": dict(row.accounts),
        "requests": dict(row.requests),
        "account_share": total / trial.accounts if trial.accounts else None,
        "request_share": sum(row.requests.values()) / trial.events if trial.events else None,
    }


def _share(share: Share) -> dict[str, Any]:
    return {"hits": share.hits, "of": share.total, "low": share.low, "high": share.high}
