"""What output correlation says about one suspect model.

Glossary
    suspect     the model under question
    teacher     a model whose influence is asked about: ours, or another vendor's (a reference)
    control     a model that cannot have learned from a teacher
    score       combined standing of a model among the controls of a teacher
    null pair   a control and a teacher it cannot have learned from
    mirrors / consistent with / no evidence     the three verdicts, strongest first
"""

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["mirrors", "consistent with", "no evidence"]


@dataclass(frozen=True, slots=True)
class TeacherScore:
    """How close the suspect is to one teacher."""

    teacher: str
    vendor: str
    ours: bool
    score: float
    """Combined standing; 0 is where known pairs and null pairs are equally likely."""
    low: float
    high: float
    """95 % interval over resampled prompts; it says nothing about other models."""
    p: float
    """Against null pairs, by their effective number."""
    strict_p: float
    """Against null pairs, by clusters only."""
    adjusted_p: float | None
    """``p`` after Holm over our own models; None for references."""
    adjusted_strict_p: float | None
    """``strict_p`` after Holm over our own models; None for references."""
    rank_among_controls: int
    """1 + the controls of this very teacher that score higher."""
    controls: int
    """Controls of this very teacher."""
    standings: tuple[tuple[str, float], ...]
    """Each affinity's name and its standing in spreads of the controls."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase that teacher and suspect both say more often than the others do."""

    text: str
    teacher: float
    """Times per 1,000 tokens."""
    suspect: float
    controls: float
    """Mean over the controls."""
    teacher_count: int
    suspect_count: int
    example: str
    """The suspect's words around it; text of the suspect, never published."""


@dataclass(frozen=True, slots=True)
class Correlation:
    """Judgement on one suspect."""

    suspect: str
    verdict: Verdict
    teacher: str
    """The closest of our models."""
    p: float
    """Adjusted p-value of that model."""
    strict_p: float
    """Adjusted strict p-value of that model."""
    lowered: tuple[str, ...]
    """Why the verdict is not stronger than it is, in sentences."""
    teachers: tuple[TeacherScore, ...]
    """Closest first."""
    phrases: tuple[Phrase, ...]
    prompts: int
    """Prompts that the suspect answered and that were compared."""
    limits: tuple[str, ...]
    """What a reader must know, in sentences."""


@dataclass(frozen=True, slots=True)
class PanelSize:
    """What the p-values rest on."""

    models: int
    prompts: int
    teachers: int
    vendors: int
    null_models: int
    null_clusters: int
    null_pairs: int
    effective_pairs: float
    """Effective number of independent null pairs."""
    correlation: float
    """Of scores inside clusters."""
    floor: float
    """Smallest possible strict p-value, 1 / (clusters + 1)."""
    finest: float
    """Smallest possible p-value."""
