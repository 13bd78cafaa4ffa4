"""MITRE ATLAS techniques by which claims speak of tactics, and our own names where it has none.

Rules: ids are MITRE's own; a STIX id is given only where MITRE's published one is known. ATLAS has
nothing for trace elicitation, for the victim as a reward model or for the pivot to a new model:
those are *sub-labels* of ours, each below the technique it refines, and named as ours wherever
they are written (``source_name`` ``stillwatch``, never ``mitre-atlas``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from stillwatch.domain.claim import StixId, Technique

ATLAS: Final = "mitre-atlas"
OURS: Final = "stillwatch"


@dataclass(frozen=True, slots=True)
class Entry:
    """One technique."""

    id: Technique
    name: str
    stix_id: StixId | None = None
    """Of MITRE's attack-pattern object, where it is known."""
    refines: Technique | None = None
    """For our sub-labels: the ATLAS technique above."""


_TABLE: Final = (
    Entry(Technique("AML.T0005.001"), "Train Proxy via Replication"),
    Entry(
        Technique("AML.T0008.005"),
        "AI Service Proxies",
        StixId("attack-pattern--647ac4ac-b2bc-53f7-ab83-81f421a1f0b5"),
    ),
    Entry(Technique("AML.T0012"), "Valid Accounts"),
    Entry(
        Technique("AML.T0021"),
        "Establish Accounts",
        StixId("attack-pattern--d3d7763a-58e1-5e38-84fd-3abea967cb08"),
    ),
    Entry(
        Technique("AML.T0024.002"),
        "Extract AI Model",
        StixId("attack-pattern--3f567912-629a-5e0b-ab0c-0102977c2d6c"),
    ),
    Entry(
        Technique("AML.T0040"),
        "AI Model Inference API Access",
        StixId("attack-pattern--5ac1f849-523e-51bf-a1e9-1a97ab91cc91"),
    ),
    Entry(
        Technique("AML.T0048.004"),
        "AI Intellectual Property Theft",
        StixId("attack-pattern--73772ced-edba-578c-bacd-703e082a9c57"),
    ),
    Entry(Technique("AML.T0065"), "LLM Prompt Crafting"),
    Entry(
        Technique("stillwatch.release-pivot"),
        "Release pivot: traffic moves to a new model within a day of its release",
        refines=Technique("AML.T0040"),
    ),
    Entry(
        Technique("stillwatch.reward-model"),
        "Reward-model use: the model is asked to grade or rank another's answers",
        refines=Technique("AML.T0005.001"),
    ),
    Entry(
        Technique("stillwatch.trace-elicitation"),
        "Trace elicitation: the model is asked to write out its reasoning",
        refines=Technique("AML.T0024.002"),
    ),
)
TECHNIQUES: Final[Mapping[Technique, Entry]] = {entry.id: entry for entry in _TABLE}
VERDICT_TECHNIQUES: Final = tuple(
    Technique(name) for name in ("AML.T0005.001", "AML.T0024.002", "AML.T0048.004")
)
"""What a verdict on a model speaks of."""
MITIGATIONS: Final = ("AML.M0002", "AML.M0004", "AML.M0019", "AML.M0024")


def references(techniques: tuple[Technique, ...]) -> list[dict[str, Any]]:
    """External references to techniques, one each, in their order; unknown names are ours."""
    return [_reference(technique) for technique in techniques]


def attack_patterns(techniques: tuple[Technique, ...]) -> list[StixId]:
    """Known STIX ids of MITRE's attack-pattern objects, sub-labels by what they refine."""
    found: list[StixId] = []
    for technique in techniques:
        entry = TECHNIQUES.get(technique)
        if entry is not None and entry.refines is not None:
            entry = TECHNIQUES[entry.refines]
        if entry is not None and entry.stix_id is not None and entry.stix_id not in found:
            found.append(entry.stix_id)
    return found


def _reference(technique: Technique) -> dict[str, Any]:
    entry = TECHNIQUES.get(technique)
    if entry is None:
        return {"source_name": OURS, "external_id": technique}
    if entry.refines is not None:
        told = f"{entry.name} (sub-label of {entry.refines}, not of ATLAS)"
        return {"source_name": OURS, "external_id": technique, "description": told}
    return {"source_name": ATLAS, "external_id": technique, "description": entry.name}
