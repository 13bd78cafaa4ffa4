"""The fixed names under which our STIX is known. Made once; they never change.

Rules: a UUID here is either random and published, or of another body (OASIS, FIRST, MITRE) and
copied exactly. Everything that compares ids compares them in lower case.
"""

import uuid
from collections.abc import Mapping
from typing import Any, Final

from stillwatch.domain.claim import Claim, ClaimId, StixId, Tlp

NAMESPACE: Final = uuid.UUID("52ac1adb-9995-4fed-b090-a7304d5ec7b4")
"""Of UUIDv5 ids that are derived from other ids, e.g. those of exported relationships."""

CLAIM: Final = "extension-definition--6ba787b6-90e0-4ee1-a24f-4e50d29339f3"
"""Our property extension: what makes a STIX object a claim."""
PROJECT: Final = "identity--5f01cd1f-195f-46d4-b581-e2a1bd4fddd1"
"""The project, as the creator of its extension definition."""

TLP_EXTENSION: Final = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
"""Of FIRST's TLP 2.0 marking definitions, as OASIS publishes them."""
MARKINGS: Final[Mapping[Tlp, str]] = {
    Tlp.CLEAR: "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
    Tlp.GREEN: "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    Tlp.AMBER: "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    Tlp.AMBER_STRICT: "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
    Tlp.RED: "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
}
OLD_MARKINGS: Final[Mapping[str, Tlp]] = {
    "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9": Tlp.CLEAR,
    "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da": Tlp.GREEN,
    "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82": Tlp.AMBER,
    "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed": Tlp.RED,
}
"""TLP 1 of STIX 2.1 section 7.2.1.4: WHITE became CLEAR."""

TYPES: Final[Mapping[str, str]] = {
    "campaign": "campaign",
    "actor": "intrusion-set",
    "infrastructure": "infrastructure",
    "tactic": "attack-pattern",
    "rule": "indicator",
    "verdict": "report",
    "opinion": "opinion",
    "sighting": "sighting",
    "tags": "indicator",
}
"""Kind of claim to STIX type."""
KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    stix: tuple(kind for kind, of in TYPES.items() if of == stix) for stix in TYPES.values()
}
"""STIX type to the kinds of claim that travel in it; the extension says which it is."""


def kind_of(claim: Claim) -> str:
    """Kind of a claim, e.g. ``campaign`` for a ``CampaignClaim``."""
    return type(claim).__name__.removesuffix("Claim").lower()


def stated_kind(stix: str, extension: Mapping[str, Any]) -> str | None:
    """Kind that our extension of an object of this type states; None if it is none of the type's."""
    kind = extension.get("kind")
    return kind if isinstance(kind, str) and kind in KINDS.get(stix, ()) else None


def stix_id(claim: Claim) -> StixId:
    """Id of the STIX object that says the claim: its type and the claim's UUID."""
    return StixId(TYPES[kind_of(claim)] + claim.terms.claim_id.removeprefix("claim"))


def claim_id(stix: str) -> ClaimId:
    """Id of the claim that a STIX object says."""
    return ClaimId("claim--" + stix.partition("--")[2])


def new_claim_id() -> ClaimId:
    """Random id for a new claim: it must tell nothing, so it is derived from nothing."""
    return ClaimId(f"claim--{uuid.uuid4()}")
