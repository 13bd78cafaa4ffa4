"""Findings: what the detectors say about an account or a campaign, with the evidence.

Glossary
    signal      one number measured on a profile, e.g. the share of single-turn requests
    reason      a signal whose value stands out, with a sentence for people
    link        why two or more accounts are thought to act as one
    finding     a judgement on one account or one campaign, complete with its evidence
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NewType

AccountId = NewType("AccountId", str)
CampaignId = NewType("CampaignId", str)


@dataclass(frozen=True, slots=True)
class Reason:
    """One signal that stands out."""

    signal: str
    """Name of the signal, as in ``docs/reference/signals.md``."""
    value: float
    """What was measured, in the signal's own unit."""
    benign_percentile: float
    """Share of the benign reference (same volume) below the value, 0-100."""
    sentence: str
    """For an analyst: what it means, with figures."""


@dataclass(frozen=True, slots=True)
class Link:
    """What holds accounts together, summed over a campaign."""

    kind: str
    """``skeleton``, ``template``, ``prompt``, ``address``, ``network``, ``tls``, ``payment`` ..."""
    accounts: int
    """Accounts of the campaign that this kind of link touches."""
    weight: float
    """Evidence in nats, already discounted by how common the shared thing is."""
    sentence: str
    """For an analyst."""


@dataclass(frozen=True, slots=True)
class AccountFinding:
    """Judgement on one account."""

    account_id: AccountId
    score: float
    """Higher is worse; comparable within one run."""
    p_value: float
    """Against the benign reference of like volume."""
    flagged: bool
    """Chosen by Benjamini-Hochberg at the run's false-discovery rate."""
    campaign_id: CampaignId | None
    events: int
    first_seen: datetime
    last_seen: datetime
    reasons: tuple[Reason, ...]
    """Strongest first."""
    exemplars: tuple[str, ...] = ()
    """Prompts of the account, cut; these never leave the provider."""
    innocent: str = ""
    """The most plausible innocent explanation, and what would tell them apart."""
    exempt: str | None = None
    """Why the account is not flagged whatever its score (``authorized_use`` ...)."""


@dataclass(frozen=True, slots=True)
class CampaignFinding:
    """Judgement on a group of accounts that act as one."""

    campaign_id: CampaignId
    accounts: tuple[AccountId, ...]
    events: int
    first_seen: datetime
    last_seen: datetime
    score: float
    p_value: float
    """Of the pooled (merged) profile, against natural groups."""
    links: tuple[Link, ...]
    """Strongest first."""
    reasons: tuple[Reason, ...]
    exemplars: tuple[str, ...] = ()
    innocent: str = ""
    activity: tuple[int, ...] = ()
    """Requests per day, oldest first, for the chart."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Coverage of one optional input column."""

    name: str
    share: float
    """Share of events in which it was observed, 0-1."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What a run read, how it was calibrated, and what it could not see."""

    version: str
    sources: tuple[str, ...]
    formats: tuple[str, ...]
    events: int
    accounts: int
    quarantined: int
    first_seen: datetime
    last_seen: datetime
    fdr: float
    """Promised false-discovery rate of the flags."""
    calibration: Literal["baseline", "self"]
    """``self``: no baseline was given, so the bulk of the log itself served as reference."""
    reference_accounts: int
    flagged: int
    campaigns: int
    coverage: tuple[Coverage, ...]
    unseen: tuple[str, ...]
    """Sentences: which signals could not be measured, and for want of what."""
    notes: tuple[str, ...]
    """Sentences: caveats of this run that a reader must know."""
    seconds: float
