"""Which prompts to ask a suspect: a bounded set on which the teachers differ most.

A prompt is worth asking if teachers of different vendors answer it differently, in words and in how they
begin, and if each of them answers it as it answers nothing else. Prompts that the panel's models have
answered already need no new answers but the suspect's.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from stillwatch.errors import InputError
from stillwatch.provenance.affinities.interface import PerPrompt
from stillwatch.provenance.align import Aligned
from stillwatch.provenance.measure import Measured

Floats = npt.NDArray[np.float64]

FEATURES: Final = ("openings", "rouge-l")
LEAST: Final = 50


@dataclass(frozen=True, slots=True)
class Question:
    """One prompt to ask."""

    prompt_id: str
    prompt: str
    separation: float
    """Spread of the teachers' answers, in standard deviations over the prompts."""


def separation(measured: Measured) -> Floats:
    """How much teachers of different vendors differ on each prompt, shape ``(prompts,)``.

    Mean over affinities of minus the likeness between vendors, standardised over prompts.
    """
    teachers = [measured.index(t.model) for t in measured.teachers]
    vendors = np.array([t.vendor for t in measured.teachers])
    apart = vendors[:, None] != vendors[None, :]
    if not apart.any():
        raise InputError(
            "the panel's teachers are of one vendor", hint="add references of other vendors"
        )
    total = np.zeros(measured.exhibit.tokens.prompts)
    for feature in FEATURES:
        evidence = measured.evidence[feature]
        assert isinstance(evidence, PerPrompt)
        likeness = np.where(apart[..., None], evidence.values[teachers], np.nan)
        known = np.isfinite(likeness)
        count = known.sum(axis=(0, 1))
        mean = np.where(known, likeness, 0).sum(axis=(0, 1)) / np.maximum(count, 1)
        mean = np.where(count > 0, mean, mean[count > 0].mean() if (count > 0).any() else 0)
        total -= (mean - mean.mean()) / max(float(mean.std()), 1e-9)
    return total / len(FEATURES)


def plan(measured: Measured, aligned: Aligned, size: int) -> list[Question]:
    """Choose ``size`` prompts, best first; prompts known by id alone cannot be asked."""
    if size < LEAST:
        raise InputError(f"{size} prompts are too few", hint=f"a judgement needs at least {LEAST}")
    value = separation(measured)
    askable = [p for p in np.argsort(-value, kind="stable") if aligned.texts[p].strip()]
    if len(askable) < LEAST:
        raise InputError(
            f"only {len(askable)} prompts have a text", hint="give answers with their prompts"
        )
    return [Question(aligned.prompts[p], aligned.texts[p], float(value[p])) for p in askable[:size]]


def chosen(measured: Measured, size: int) -> npt.NDArray[np.int64]:
    """Numbers of the prompts that ``plan`` would choose."""
    return np.asarray(np.argsort(-separation(measured), kind="stable")[:size])
