"""One rule of a policy: conditions, what is decided, and the reason in words."""

import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from typing import Any, Final

from stillwatch.domain.decision import MOST_REASON, Effect, Rate, Scope, Subject
from stillwatch.domain.lead import Step
from stillwatch.gateway.policy.case import Case, Source
from stillwatch.gateway.policy.when import FACTS, When

_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
MORE: Final = ("subject", "campaign", "members", "sentence", "rule", "policy", "evidence")
"""Fields of a reason beside the facts of a case."""
_SAMPLE_SUBJECT: Final = {
    Source.FINDING: Scope.ACCOUNT, Source.CAMPAIGN: Scope.CAMPAIGN, Source.LEAD: Scope.SIGN_UP,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rule:
    """Conditions and a decision."""

    name: str
    why: str
    """Why it decides so, for who reads or changes the policy."""
    when: When
    effect: Effect | None
    """None: the case is spared."""
    scope: Scope | None
    """Only cases about a subject of this scope; None: of any."""
    lasts: timedelta
    rate: Rate | None
    cohort: str | None
    hold: bool
    """Whether a person has to release each decision."""
    reason: str
    match: tuple[Mapping[str, Any], ...]
    """Samples that it must decide."""
    no_match: tuple[Mapping[str, Any], ...]
    """Samples that it must not."""

    def holds(self, case: Case) -> bool:
        """Whether the rule speaks of this case."""
        return self.scope in (None, case.subject.scope) and self.when.holds(case)

    def told(self, case: Case, policy: str) -> str:
        """The reason with the case's figures."""
        filled = _Filled().vformat(self.reason, (), _fields(self, case, policy))
        # a sentence may quote a log: what no database keeps must not stop all other decisions
        return filled.encode("utf-8", "replace").decode().replace("\0", "?")[:MOST_REASON]

    def covers(self, other: "Rule") -> bool:
        """Whether it takes every case that ``other``, after it, asks for."""
        return self.scope in (None, other.scope) and self.when.covers(other.when)


class _Filled(string.Formatter):
    def get_field(self, field_name: str, _args: Any, kwargs: Any) -> Any:
        return kwargs[field_name], field_name  # no attributes, no indices: names only


def check_reason(reason: str) -> None:
    """Refuse a template that names what no case has. Raises ``ValueError``."""
    for _, field, spec, conversion in string.Formatter().parse(reason):
        if field is None:
            continue
        if spec or conversion:
            raise ValueError(f"reason: {{{field}}} takes no format; figures are written readably")
        if field not in FACTS and field not in MORE:
            raise ValueError(f"reason: {unknown(field, (*FACTS, *MORE))}")


def unknown(name: str, known: tuple[str, ...]) -> str:
    """That a name is not known, and the closest one that is."""
    close = get_close_matches(name, known, 1)
    return f"{name!r} is not known" + (
        f", did you mean {close[0]!r}?" if close else f"; there are {', '.join(known)}"
    )


def duration(said: str) -> timedelta:
    """``30d`` and the like, by the pattern of the schema."""
    return timedelta(**{_UNITS[said[-1]]: int(said[:-1])})


def sample_case(facts: Mapping[str, Any]) -> Case:
    """A case with these facts and nothing else known."""
    source = Source(facts.get("source", "finding"))
    own = facts.get("own_evidence", source is not Source.LEAD)
    subject = _SAMPLE_SUBJECT[source]
    plain = {
        name: value
        for name, value in facts.items()
        if name not in {"source", "own_evidence", "step"}
    }
    return Case(
        Subject.of(subject, "sample"),
        source,
        ("finding:0000000000000000/sample",) if own else ("lead:sample",),
        step=Step.named(facts["step"]) if "step" in facts else None,
        **plain,
    )


def _fields(rule: Rule, case: Case, policy: str) -> dict[str, str]:
    facts = {name: _shown(fact.of(case)) for name, fact in FACTS.items()}
    return facts | {
        "subject": case.subject.value,
        "campaign": case.group or "none",
        "members": f"{len(case.members):,}",
        "sentence": case.sentence or "no sentence was given",
        "rule": rule.name,
        "policy": policy,
        "evidence": ", ".join(case.evidence[:3]),
        "traffic_share": _percent(case.traffic_share),
        "confidence": _percent(case.confidence),
    }


def _shown(value: object) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.2g}" if isinstance(value, float) else str(value)


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1%}"
