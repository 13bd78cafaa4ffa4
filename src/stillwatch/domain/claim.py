"""What members say to one another, as frozen types.

Glossary
    claim       what a member says and signs: a campaign, an actor, a rule, a verdict ...
    terms       on what conditions it is said: marking, audience, purpose, legal basis, expiry
    opinion     a recipient's judgement of another's claim
    sighting    a recipient saw what a claim describes in its own traffic
    audience    the members to whom the hub shows a claim
    publisher   the identity under which it is said: a member, or a pseudonym the hub can resolve

A claim is evidence. No type here can say "block": every recipient decides alone.
Counts leave a house as ranges, times as days.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Literal, NewType, TypeAlias

ClaimId = NewType("ClaimId", str)
"""``claim--`` and a UUID; the same through all versions of a claim."""
StixId = NewType("StixId", str)
KeyId = NewType("KeyId", str)
"""SHA-256 thumbprint (RFC 7638) of an Ed25519 public key, base64url."""
Technique = NewType("Technique", str)
"""A MITRE ATLAS technique, or one of our own sub-labels of it."""


class Tlp(StrEnum):
    """TLP 2.0, the most open first."""

    CLEAR = "clear"
    GREEN = "green"
    AMBER = "amber"
    AMBER_STRICT = "amber+strict"
    RED = "red"


Purpose = Literal["abuse-prevention", "network-security", "fraud-prevention", "research-integrity"]


@dataclass(frozen=True, slots=True)
class LegalBasis:
    """Why a claim may leave, as its publisher's counsel set it down."""

    jurisdiction: str
    """ISO 3166-1 alpha-2, or EU."""
    basis: str
    """A name of the settings' list, e.g. ``gdpr-6-1-f``, ``cisa-2015``."""
    as_of: date
    """Day on which counsel confirmed it."""
    until: date | None = None
    """Day after which it must not be used, e.g. the sunset of a statute."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The conditions of a claim; the same for every kind."""

    claim_id: ClaimId
    publisher: StixId
    """``identity--`` of a member or of a pseudonym."""
    tlp: Tlp
    purpose: Purpose
    legal_basis: LegalBasis
    confidence: int
    """0-100, as in STIX 2.1 appendix A."""
    created: datetime
    modified: datetime
    valid_from: datetime
    valid_until: datetime
    """A claim ends by itself."""
    groups: tuple[str, ...] = ()
    """Sharing groups that may read it; empty for everyone the marking allows."""
    recipients: tuple[str, ...] = ()
    """Members that may read it, by name; TLP:RED without any is for the publisher's eyes."""
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """A count as it may leave: not a number but a range of a fixed scale (1-2-5)."""

    low: int
    high: int
    """Inclusive."""


@dataclass(frozen=True, slots=True)
class CampaignClaim:
    """Accounts that act as one to extract a model."""

    terms: Terms
    name: str
    """Code name from our own word list; never a customer's."""
    techniques: tuple[Technique, ...]
    targets: tuple[str, ...]
    """Capabilities asked for: names of phrase families."""
    evidence: tuple[str, ...]
    """What held the campaign together: names of links and facets."""
    accounts: Span
    exchanges: Span
    first_seen: date
    last_seen: date
    p_value: float
    """Against natural groups of like size, rounded up to one digit."""
    fdr: float
    """Promised false-discovery rate of the run."""
    release_pivot: bool = False
    """Moved to a new model within a day of its release."""


@dataclass(frozen=True, slots=True)
class ActorClaim:
    """Someone to whom campaigns are attributed."""

    terms: Terms
    name: str
    """Code name."""
    campaigns: tuple[StixId, ...]
    techniques: tuple[Technique, ...]
    motivation: Literal["train-a-rival-model", "resell-access", "unknown"]


@dataclass(frozen=True, slots=True)
class InfrastructureClaim:
    """A service through which campaigns come; never one customer's address."""

    terms: Terms
    name: str
    """Code name."""
    kind: Literal["proxy-network", "reseller", "account-shop", "card-ring"]
    campaigns: tuple[StixId, ...]
    asns: tuple[int, ...]
    """Autonomous systems in which it is strong; public registry data."""
    accounts: Span


@dataclass(frozen=True, slots=True)
class TacticClaim:
    """A way of extraction, apart from who uses it."""

    terms: Terms
    name: str
    """From the list of tactics, e.g. ``rubric-sweep``."""
    techniques: tuple[Technique, ...]
    families: tuple[str, ...]
    """Phrase families that are strong in it."""


@dataclass(frozen=True, slots=True)
class RuleClaim:
    """A detection rule that travels."""

    terms: Terms
    rule: str
    """YAML text of the rule, samples included."""
    digest: str
    """SHA-256 of its canonical content: the rule's identity."""
    false_positives: float
    """Upper 95 % limit of the false-positive rate on the publisher's benign accounts."""
    tried_on: Span
    """Benign accounts on which that was measured."""


@dataclass(frozen=True, slots=True)
class VerdictClaim:
    """What output correlation says about one public model."""

    terms: Terms
    suspect: str
    """Public name of the model."""
    verdict: Literal["mirrors", "consistent with", "no evidence"]
    p_value: float
    strict_p_value: float
    prompts: Span
    controls: int
    """Control models in clusters that cannot have learned from the publisher's."""


@dataclass(frozen=True, slots=True)
class OpinionClaim:
    """A recipient's judgement of a claim; how disputes and confirmations travel."""

    terms: Terms
    object: StixId
    opinion: Literal["strongly-disagree", "disagree", "neutral", "agree", "strongly-agree"]
    reason: Literal[
        "own-evidence",
        "no-evidence-here",
        "innocent-explanation",
        "appeal-upheld",
        "appeal-rejected",
        "duplicate",
        "faulty-rule",
    ]


@dataclass(frozen=True, slots=True)
class SightingClaim:
    """What a claim describes was seen here, too."""

    terms: Terms
    object: StixId
    count: Span
    """Accounts."""
    first_seen: date
    last_seen: date


@dataclass(frozen=True, slots=True)
class TagsClaim:
    """A pack of tags by which other labs recognise actors (ADR 0017)."""

    terms: Terms
    epoch: str
    """Name of the key epoch under which the tags were made."""
    epoch_key: str
    """SHA-256 of the epoch's public key, in hex."""
    pack: str
    """SHA-256 of the pack, in hex: how it is asked for."""
    rows: int
    """Rows of the pack, dummies included: a multiple of 256."""
    serial: int
    """1, 2, 3 ... of the publisher in the epoch; a gap is a pack that was withheld."""
    snapshot: bool
    """Replaces the packs of the publisher in this epoch with smaller serials."""


Claim: TypeAlias = (
    CampaignClaim
    | ActorClaim
    | InfrastructureClaim
    | TacticClaim
    | RuleClaim
    | VerdictClaim
    | OpinionClaim
    | SightingClaim
    | TagsClaim
)
