"""What of a suspected group may leave: bands of its skeleton and rare prompts, as tags.

Rules
    * Each is an identifier like an actor's (ADR 0017): it waits here until its claim is in the log,
      and leaves as a row of a pack that opens for whoever has the same.
    * The claim is a campaign's. It says the p-value and ranges; accounts, prompts and wording have no
      field. Of a group that our own evidence did not find it states little confidence, so that it
      decides nothing by itself at any lab.
    * A group that was told before is recognised by its accounts and gets a new version of its claim.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Final

from sqlalchemy import Connection

from stillwatch.domain.claim import CampaignClaim, ClaimId, Technique
from stillwatch.domain.identifier import Identifier, Kind, NormalForm
from stillwatch.intel.codenames import code_name
from stillwatch.intel.ids import stix_id
from stillwatch.intel.scales import one_digit_up, span
from stillwatch.intel.stix import to_stix
from stillwatch.sharing.drafts import recognised, terms_of
from stillwatch.sharing.matching.suspects import Group, Suspected
from stillwatch.sharing.settings import Settings
from stillwatch.store import outbox, tagging
from stillwatch.store.outbox import Draft
from stillwatch.store.tagging import Held

LEAST_BANDS: Final = 2
"""Bands of a group without which no other lab could join it: it is not told."""
SUSPICION: Final = 15
"""Confidence of a claim about a group that our own evidence did not find."""
_PROMPT: Final = b"stillwatch/prompt/v1\0"
_TECHNIQUES: Final = (Technique("AML.T0024.002"), Technique("AML.T0040"))


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a result."""

    drafts: tuple[Draft, ...]
    marks: int
    """Bands and prompts that wait for tagging."""
    left: tuple[str, ...]
    """What stays here and why, in sentences."""


def tellable(suspected: Suspected) -> tuple[list[Group], dict[str, int]]:
    """Groups that other labs could join, and how many stay here, by reason."""
    told, left = list[Group](), Counter[str]()
    for group in suspected.groups:
        if not group.stands:
            left["they overlap with one that is told"] += 1
        elif len(group.bands) < LEAST_BANDS:
            left[f"they have fewer than {LEAST_BANDS} bands of their own"] += 1
        else:
            told.append(group)
    return told, dict(left)


def identifiers(group: Group) -> list[Identifier]:
    """The marks of a group as what enters the OPRF."""
    bands = [Identifier(Kind.SKELETON_BAND, NormalForm(band)) for band in group.bands]
    return bands + [
        Identifier(Kind.PROMPT, NormalForm(hashlib.sha256(_PROMPT + bytes.fromhex(p)).hexdigest()))
        for p in group.prompts
    ]


def draft(
    suspected: Suspected, settings: Settings, connection: Connection, secret: bytes, origin: str
) -> Told:
    """Draft a claim of each group that can be joined, and keep its marks for tagging.

    A campaign that was drafted or published has its claim already, and keeps it.
    """
    groups, left = tellable(suspected)
    made, marks = list[Draft](), 0
    for group in groups:
        tags = [outbox.account_tag(secret, account) for account in group.accounts]
        known = recognised(connection, tags, settings)
        claim = _claim(group, settings, connection, known, suspected.fdr)
        stix = stix_id(claim)
        outbox.trace(connection, stix, tags)
        held = [
            Held(stix, one, claim.first_seen, claim.last_seen, claim.terms.confidence)
            for one in identifiers(group)
        ]
        tagging.hold(connection, held)
        marks += len(held)
        if not (group.reported and known is not None):
            stays = {
                "account ids": len(group.accounts),
                "bands tagged": len(group.bands),
                "rare prompts tagged": len(group.prompts),
                "exact figures": ["accounts", "events", "first_seen", "last_seen", "p_value"],
            }
            made.append(
                Draft(stix, "campaign", "waiting", f"{group.name} of {origin}", to_stix(claim), stays)
            )  # fmt: skip
    return Told(tuple(made), marks, tuple(f"{n} groups stay: {why}" for why, n in left.items()))


def _claim(
    group: Group, settings: Settings, connection: Connection, known: ClaimId | None, fdr: float
) -> CampaignClaim:
    terms = terms_of("campaign", settings, connection, known)
    if not group.reported:
        terms = replace(terms, confidence=min(terms.confidence, SUSPICION))
    return CampaignClaim(
        terms=terms,
        name=code_name(terms.claim_id),
        techniques=_TECHNIQUES,
        targets=(),
        evidence=("skeleton",),
        accounts=span(len(group.accounts)),
        exchanges=span(group.events),
        first_seen=group.first_seen.astimezone(UTC).date(),
        last_seen=group.last_seen.astimezone(UTC).date(),
        p_value=one_digit_up(group.p_value),
        fdr=one_digit_up(fdr),
    )
