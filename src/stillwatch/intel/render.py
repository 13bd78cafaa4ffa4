"""What other tools and people read of a claim: STIX properties rendered from its fields.

Rules: every text here is one of our sentences filled with values of the claim; nobody writes into
it. The policy renders again and compares, so a sentence is part of the format: changing one
changes what passes. Nothing is rendered that the fields do not say.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from stillwatch.domain.claim import (
    ActorClaim,
    CampaignClaim,
    Claim,
    InfrastructureClaim,
    OpinionClaim,
    RuleClaim,
    SightingClaim,
    Span,
    TacticClaim,
    TagsClaim,
    VerdictClaim,
)
from stillwatch.intel.atlas import VERDICT_TECHNIQUES, attack_patterns, references
from stillwatch.intel.objects import format_time, to_micros

LABEL: Final = "adversarial-distillation"
"""First label of every claim."""

_MOTIVES: Final = {
    "train-a-rival-model": ("organizational-gain", "to train a rival model"),
    "resell-access": ("personal-gain", "to resell access"),
    "unknown": (None, "for reasons unknown"),
}
_SERVICES: Final = {
    "proxy-network": ("anonymization", "a proxy network"),
    "reseller": ("unknown", "a reseller of access"),
    "account-shop": ("unknown", "a shop for accounts"),
    "card-ring": ("unknown", "a ring of payment cards"),
}
_REASONS: Final = {
    "own-evidence": "own evidence",
    "no-evidence-here": "no evidence of it here",
    "innocent-explanation": "an innocent explanation was found",
    "appeal-upheld": "an appeal was upheld",
    "appeal-rejected": "an appeal was rejected",
    "duplicate": "it repeats another claim",
    "faulty-rule": "the rule is faulty",
}
_JUDGEMENTS: Final = {
    "strongly-disagree": "Refuted",
    "disagree": "Disputed",
    "neutral": "Undecided",
    "agree": "Confirmed",
    "strongly-agree": "Strongly confirmed",
}


def native(claim: Claim) -> dict[str, Any]:
    """STIX properties of the claim's kind, without the common ones."""
    return _RENDERERS[type(claim)](claim)


def _campaign(claim: CampaignClaim) -> dict[str, Any]:
    pivot = " It moved to a new model within a day of its release." if claim.release_pivot else ""
    told = (
        f"{claim.name}: {told_span(claim.accounts, 'accounts')} acted as one and sent "
        f"{told_span(claim.exchanges, 'requests')} from {claim.first_seen} to {claim.last_seen}. "
        f"Asked for: {told_list(claim.targets)}. Held together by: {told_list(claim.evidence)}. "
        f"p-value at most {claim.p_value:g}; promised false-discovery rate {claim.fdr:g}.{pivot}"
    )
    return {
        "name": claim.name,
        "description": told,
        "labels": [LABEL, *claim.targets],
        **_techniques(claim),
        "first_seen": f"{claim.first_seen.isoformat()}T00:00:00Z",
        "last_seen": f"{claim.last_seen.isoformat()}T00:00:00Z",
    }


def _actor(claim: ActorClaim) -> dict[str, Any]:
    motive, words = _MOTIVES[claim.motivation]
    told = f"{claim.name}: {told_count(claim.campaigns, 'campaign')} attributed, {words}."
    rendered = {
        "name": claim.name,
        "description": told,
        "labels": [LABEL],
        **_techniques(claim),
    }
    return rendered if motive is None else {**rendered, "primary_motivation": motive}


def _infrastructure(claim: InfrastructureClaim) -> dict[str, Any]:
    service, words = _SERVICES[claim.kind]
    systems = told_list(f"AS{number}" for number in claim.asns)
    told = (
        f"{claim.name}: {words} through which {told_span(claim.accounts, 'accounts')} of "
        f"{told_count(claim.campaigns, 'campaign')} came. Autonomous systems: {systems}."
    )
    return {
        "name": claim.name,
        "description": told,
        "labels": [LABEL, claim.kind],
        "infrastructure_types": [service],
    }


def _tactic(claim: TacticClaim) -> dict[str, Any]:
    return {
        "name": claim.name,
        "description": f"{claim.name}: a way of extraction. Phrase families: {told_list(claim.families)}.",
        "labels": [LABEL, *claim.families],
        **_techniques(claim),
    }


def _rule(claim: RuleClaim) -> dict[str, Any]:
    return {
        "name": f"Detection rule {claim.digest[:12]}",
        "description": (
            f"Detection rule {claim.digest}. False positives: at most {claim.false_positives:g} "
            f"(upper 95 % limit) of {told_span(claim.tried_on, 'benign accounts')}."
        ),
        "labels": [LABEL],
        "indicator_types": ["anomalous-activity"],
        "pattern": claim.rule,
        "pattern_type": "sigma",
        "valid_from": format_time(to_micros(claim.terms.valid_from), 0),
        "valid_until": format_time(to_micros(claim.terms.valid_until), 0),
    }


def _verdict(claim: VerdictClaim) -> dict[str, Any]:
    said = {"mirrors": "mirrors", "consistent with": "is consistent with training on"}
    finding = said.get(claim.verdict, "shows no evidence of training on")
    told = (
        f"The model {claim.suspect} {finding} the publisher's outputs. p-value at most "
        f"{claim.p_value:g} (strict: {claim.strict_p_value:g}) against {claim.controls} control "
        f"models on {told_span(claim.prompts, 'prompts')}."
    )
    return {
        "name": f"Output correlation of {claim.suspect}",
        "description": told,
        "labels": [LABEL, claim.verdict.replace(" ", "-")],
        "external_references": references(VERDICT_TECHNIQUES),
        "report_types": ["threat-report"],
        "published": format_time(to_micros(claim.terms.created)),
        "object_refs": list(attack_patterns(VERDICT_TECHNIQUES)),
    }


def _opinion(claim: OpinionClaim) -> dict[str, Any]:
    return {
        "labels": [LABEL, claim.reason],
        "explanation": f"{_JUDGEMENTS[claim.opinion]}: {_REASONS[claim.reason]}.",
        "opinion": claim.opinion,
        "object_refs": [claim.object],
    }


def _sighting(claim: SightingClaim) -> dict[str, Any]:
    told = (
        f"Seen in {told_span(claim.count, 'accounts')} "
        f"from {claim.first_seen} to {claim.last_seen}."
    )
    return {
        "description": told,
        "labels": [LABEL],
        "sighting_of_ref": claim.object,
        "first_seen": f"{claim.first_seen.isoformat()}T00:00:00Z",
        "last_seen": f"{claim.last_seen.isoformat()}T00:00:00Z",
    }


def _tags(claim: TagsClaim) -> dict[str, Any]:
    replaces = " It replaces the packs before it." if claim.snapshot else ""
    return {
        "name": f"Tags {claim.serial} of epoch {claim.epoch}",
        "description": (
            f"Pack {claim.serial} of tags under key epoch {claim.epoch}: {claim.rows:,} rows, "
            f"dummies included. Only who holds the same identifier can read a row.{replaces}"
        ),
        "labels": [LABEL],
        "indicator_types": ["malicious-activity"],
        "pattern": f"sha256:{claim.pack}",
        "pattern_type": "stillwatch-tags",
        "valid_from": format_time(to_micros(claim.terms.valid_from), 0),
        "valid_until": format_time(to_micros(claim.terms.valid_until), 0),
    }


_RENDERERS: Final[Mapping[type, Callable[[Any], dict[str, Any]]]] = {
    CampaignClaim: _campaign,
    ActorClaim: _actor,
    InfrastructureClaim: _infrastructure,
    TacticClaim: _tactic,
    RuleClaim: _rule,
    VerdictClaim: _verdict,
    OpinionClaim: _opinion,
    SightingClaim: _sighting,
    TagsClaim: _tags,
}


def told_span(span: Span, noun: str) -> str:
    """Write a range, e.g. ``20-49 accounts``."""
    if span.low == span.high:
        return f"{span.low:,} {noun}"
    return f"{span.low:,}-{span.high:,} {noun}"


def told_count(things: tuple[Any, ...], noun: str) -> str:
    """Count things, e.g. ``1 campaign``."""
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"


def told_list(names: Iterable[str]) -> str:
    """Names with commas; ``none`` for none."""
    return ", ".join(names) or "none"


def _techniques(claim: CampaignClaim | ActorClaim | TacticClaim) -> dict[str, Any]:
    """STIX prohibits empty lists: without techniques the property is left out."""
    found = references(claim.techniques)
    return {"external_references": found} if found else {}
