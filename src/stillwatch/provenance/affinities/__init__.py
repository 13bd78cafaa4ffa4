"""Ways in which a model's answers can be like a teacher's, each one file behind one interface."""

from collections.abc import Callable, Mapping
from typing import Final

from stillwatch.provenance.affinities.classifier import Classifier
from stillwatch.provenance.affinities.form import Form
from stillwatch.provenance.affinities.interface import Affinity, Evidence, Exhibit
from stillwatch.provenance.affinities.openings import Openings
from stillwatch.provenance.affinities.overlap import RareGrams, RougeL, SharedGrams
from stillwatch.provenance.affinities.phrases import Phrases

AFFINITIES: Final[Mapping[str, Callable[[], Affinity]]] = {
    "openings": Openings,
    "rouge-l": RougeL,
    "shared-8-grams": SharedGrams,
    "rare-3-grams": RareGrams,
    "form": Form,
    "phrases": Phrases,
    "classifier": Classifier,
}

__all__ = ["AFFINITIES", "Affinity", "Evidence", "Exhibit"]
