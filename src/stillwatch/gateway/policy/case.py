"""A case: one finding or lead, as a policy looks at it.

Rules: a case holds facts, no prompts and no identifiers; what is not known is None and meets no
condition but ``unknown``. Whether it rests on evidence of the lab's own is read from its evidence
ids, never claimed.

>>> case = Case(Subject.of("account", "a1"), Source.FINDING, ("finding:00ff00ff00ff00ff/a1",))
>>> case.own
True
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from ipaddress import ip_address

from stillwatch.domain.decision import Scope, Subject, is_own
from stillwatch.domain.lead import Step


class Source(StrEnum):
    """What a case was made from."""

    FINDING = "finding"
    """One account, flagged alone."""
    CAMPAIGN = "campaign"
    """Accounts that act as one."""
    LEAD = "lead"
    """The words of other labs about one sign-up or customer."""


@dataclass(frozen=True, slots=True)
class Member:
    """One account that a case is about."""

    account: str
    events: int = 0
    """Requests in the log."""
    carries: tuple[Subject, ...] = ()
    """What its requests are known to carry beside the account: organisation, addresses, keys ..."""


@dataclass(frozen=True)
class Case:
    """What is known of one subject. Accounts of one case have the same access path and tier."""

    subject: Subject
    """Whom a decision will be about."""
    source: Source
    evidence: tuple[str, ...]
    """``finding:RUN/NAME``, ``lead:NAME``, STIX ids of claims: the decision falls with them."""
    members: tuple[Member, ...] = ()
    """The accounts that would be touched; empty for a sign-up."""
    carries: tuple[Subject, ...] = ()
    """What is known of it beside the members' own: an allow of any of it covers the case."""
    labs: int = 0
    """Distinct other labs whose word agrees."""
    confidence: float | None = None
    """0-1. Of a finding: 1 minus the share of innocents expected among findings as strong as this
    one (the false-discovery rate); of a lead: its weight."""
    p_value: float | None = None
    """Of a finding: how often an innocent account, of a campaign: an innocent group looks like it."""
    score: float | None = None
    step: Step | None = None
    """Of a lead."""
    accounts: int | None = None
    """Of the whole campaign, whatever became of single members; 1 for an account."""
    events: int = 0
    """Requests of the members."""
    traffic_share: float | None = None
    """Of all requests of the log, 0-1."""
    account_share: float | None = None
    """The members among all accounts of the log, 0-1."""
    access_path: str | None = None
    spend_tier: str | None = None
    verified: bool | None = None
    authorized_use: str | None = None
    calibration: str | None = None
    """``baseline``, or ``self``: the log itself served as reference."""
    reference_accounts: int | None = None
    """How many innocent accounts the p-value was measured against."""
    last_seen: datetime | None = None
    """Of its traffic."""
    group: str = ""
    """Name of the campaign in its run; the cases of one campaign share it."""
    days: tuple[tuple[str, int], ...] = ()
    """Requests by day (ISO 8601) where that is known."""
    sentence: str = ""
    """For people: the strongest reason, with its figures."""

    @property
    def own(self) -> bool:
        """Whether the lab itself has seen anything."""
        return any(map(is_own, self.evidence))

    @property
    def name(self) -> str:
        """For messages."""
        return f"{self.subject.scope} {self.subject.value}"

    @property
    def population(self) -> str:
        """By what cases are counted: access path, and spend tier where known."""
        path = self.access_path or "unknown"
        return f"{path}/{self.spend_tier}" if self.spend_tier else path

    @cached_property
    def touched(self) -> frozenset[str]:
        """The accounts that a decision on it would touch."""
        alone = {self.subject.value} if self.subject.scope is Scope.ACCOUNT else set[str]()
        return frozenset(alone.union(member.account for member in self.members))


def address(value: object) -> Subject | None:
    """One address as a subject, or None where the text is none."""
    try:
        return Subject.of(Scope.RANGE, str(ip_address(str(value).strip())))
    except ValueError:
        return None
