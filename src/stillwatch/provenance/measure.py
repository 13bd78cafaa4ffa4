"""From an aligned panel to scores of every model for every teacher."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from stillwatch.provenance.affinities import AFFINITIES, Evidence, Exhibit
from stillwatch.provenance.align import Aligned
from stillwatch.provenance.combine import Combiner
from stillwatch.provenance.limits import Limits
from stillwatch.provenance.null import Null
from stillwatch.provenance.panel import Panel, Teacher
from stillwatch.provenance.standing import Field, control_z, did, softened
from stillwatch.provenance.tokens import tokenise

Floats = npt.NDArray[np.float64]
Progress = Callable[[str, int, int], None]

DID = "-did"
"""Suffix of a feature that is measured as difference-in-differences."""


@dataclass(frozen=True)
class Measured:
    """A panel with the evidence of its affinities."""

    models: tuple[str, ...]
    teachers: tuple[Teacher, ...]
    exhibit: Exhibit
    evidence: Mapping[str, Evidence]
    """By affinity."""
    field: Field

    def index(self, model: str) -> int:
        """Number of a model."""
        return self.models.index(model)

    def standings(
        self,
        features: Sequence[str],
        weights: Floats | None = None,
        models: Sequence[int] | None = None,
    ) -> Floats:
        """Softened standings, shape ``(draws, models, teachers, features)``.

        ``weights`` are weightings of the prompts, shape ``(draws, prompts)``; all alike if None.
        """
        if weights is None:
            weights = np.ones((1, self.exhibit.tokens.prompts))
        parts = []
        for feature in features:
            affinity = self.evidence[feature.removesuffix(DID)].at(weights)
            if feature.endswith(DID):
                affinity = did(affinity, self.field.vendors)
            parts.append(softened(control_z(affinity, self.field, models)))
        return np.stack(parts, axis=-1)

    def scores(
        self, combiner: Combiner, weights: Floats | None = None, models: Sequence[int] | None = None
    ) -> Floats:
        """Combined scores, shape ``(draws, models, teachers)``."""
        return combiner.score(self.standings(combiner.features, weights, models))

    @cached_property
    def null_pairs(self) -> list[tuple[int, int]]:
        """Model and teacher of every null pair."""
        return [(int(m), int(t)) for m, t in np.argwhere(self.field.null)]

    def null(self, scores: Floats, without: str = "") -> Null:
        """Scores of the null pairs, those of one cluster left out; ``scores`` is ``(models, teachers)``."""
        chosen = [
            (m, t)
            for m, t in self.null_pairs
            if self.field.cluster[m] != without and np.isfinite(scores[m, t])
        ]
        return Null.of(
            [scores[m, t] for m, t in chosen], [self.field.cluster[m] for m, _ in chosen]
        )


def measure(
    aligned: Aligned,
    panel: Panel,
    features: Sequence[str],
    *,
    suspects: Sequence[str] = (),
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Measured:
    """Compare all models with all teachers by the named affinities."""
    limits = limits or Limits()
    teachers = tuple(t for t in panel.teachers if t.model in aligned.models)
    tokens = tokenise(aligned.outputs, limits.answer_tokens)
    exhibit = Exhibit(
        tokens,
        aligned.outputs,
        tuple(aligned.models.index(t.model) for t in teachers),
        tuple(t.vendor for t in teachers),
    )
    names = list(dict.fromkeys(f.removesuffix(DID) for f in features))
    evidence = {}
    for done, name in enumerate(names):
        if progress:
            progress(f"comparing: {name}", done, len(names))
        evidence[name] = AFFINITIES[name]().prepare(exhibit)
    return Measured(
        aligned.models, teachers, exhibit, evidence, _field(aligned, panel, teachers, suspects)
    )


def _field(
    aligned: Aligned, panel: Panel, teachers: tuple[Teacher, ...], suspects: Sequence[str]
) -> Field:
    controls = {c.model: c for c in panel.controls}
    named = {t.model for t in teachers}
    cluster, null = [], np.zeros((len(aligned.models), len(teachers)), np.bool_)
    for m, model in enumerate(aligned.models):
        control = controls.get(model)
        cluster.append(control.cluster if control else model)
        # a teacher's answers trained the classifier, a suspect is what is asked about: no nulls
        if control and model not in named and model not in suspects:
            null[m] = [t.vendor not in control.taught_by for t in teachers]
    return Field(tuple(cluster), null, tuple(t.vendor for t in teachers))
