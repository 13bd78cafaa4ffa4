"""Which prompts to ask a suspect: a bounded set that separates the panel's teachers best.

Models of one vendor are the nearest thing to a student and its teacher that every panel has. A prompt is
worth asking if they answer it alike, and unlike the other vendors' models. Answers of the panel's models
are there already: only the suspect has to be asked.
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

FEATURES: Final = ("openings", "rouge-l", "phrases", "classifier")
LEAST: Final = 50


@dataclass(frozen=True, slots=True)
class Question:
    """One prompt to ask."""

    prompt_id: str
    prompt: str
    separation: float
    """How well it separates the teachers, in standard deviations over the prompts."""


def separation(measured: Measured) -> Floats:
    """How well each prompt separates the vendors of the teachers, shape ``(prompts,)``.

    Mean over affinities of the likeness within vendors less that between vendors, standardised over
    prompts. Where no vendor has two teachers, only unlikeness between vendors is left to go by.
    Raises ``InputError`` if all teachers are of one vendor.
    """
    teachers = [measured.index(t.model) for t in measured.teachers]
    vendors = np.array([t.vendor for t in measured.teachers])
    same = vendors[:, None] == vendors[None, :]
    if same.all():
        raise InputError(
            "the panel's teachers are of one vendor", hint="add references of other vendors"
        )
    np.fill_diagonal(same, False)
    apart = vendors[:, None] != vendors[None, :]
    total = np.zeros(measured.exhibit.tokens.prompts)
    for feature in FEATURES:
        evidence = measured.evidence[feature]
        assert isinstance(evidence, PerPrompt)
        likeness = evidence.values[teachers]
        contrast = (
            _mean(likeness, same) - _mean(likeness, apart)
            if same.any()
            else -_mean(likeness, apart)
        )
        total += (contrast - contrast.mean()) / max(float(contrast.std()), 1e-9)
    return total / len(FEATURES)


def _mean(likeness: npt.NDArray[np.float32], chosen: npt.NDArray[np.bool_]) -> Floats:
    """Mean over chosen pairs of teachers; the mean of all prompts where none has an answer."""
    known = np.isfinite(likeness) & chosen[..., None]
    count = known.sum(axis=(0, 1))
    total = np.where(known, likeness, 0).sum(axis=(0, 1), dtype=np.float64)
    mean = total / np.maximum(count, 1)
    return np.asarray(np.where(count > 0, mean, total.sum() / max(int(count.sum()), 1)))


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
