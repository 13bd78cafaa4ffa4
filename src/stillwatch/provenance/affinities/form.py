"""Form: length, lists, headings, punctuation, whatever an answer is about.

Each answer becomes a vector of habits. The mean of all models for the prompt is taken off, so that
a prompt which asks for a list makes no model a lover of lists; then every habit is scaled to the
models' spread. Affinity is the negative distance between a model's mean vector and the teacher's.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from stillwatch.provenance.affinities.interface import Exhibit, Floats

_WORD = re.compile(r"\w+")


def _count(pattern: str) -> Callable[[str], float]:
    compiled = re.compile(pattern, re.MULTILINE)
    return lambda text: float(np.log1p(sum(1 for _ in compiled.finditer(text))))


def _has(pattern: str) -> Callable[[str], float]:
    compiled = re.compile(pattern)
    return lambda text: float(compiled.search(text) is not None)


def _word_length(text: str) -> float:
    words = _WORD.findall(text[:4000])
    return sum(map(len, words)) / len(words) if words else 0.0


def _variety(text: str) -> float:
    words = _WORD.findall(text.lower())[:200]
    return len(set(words)) / len(words) ** 0.7 if words else 0.0


HABITS: Final[dict[str, Callable[[str], float]]] = {
    "length": lambda text: float(np.log1p(len(text))),
    "lines": _count(r"\n+"),
    "blank lines": _count(r"\n\s*\n"),
    "numbered items": _count(r"^\s*\d+[.)]\s"),
    "bullets": _count(r"^\s*[-*•]\s"),
    "bold": _count(r"\*\*[^*\n]+\*\*"),
    "headings": _count(r"^#+ |^\*\*[^*\n]+\*\*:?$"),
    "code": _count(r"```|`[^`\n]+`"),
    "sentences": _count(r"[.!?](?:\s|$)"),
    "commas": _count(r","),
    "colons": _count(r":"),
    "semicolons": _count(r";"),
    "dashes": _count(r"[–—]| - "),
    "brackets": _count(r"\("),
    "double quotes": _count(r'["“”]'),
    "exclamations": _count(r"!"),
    "questions": _count(r"\?"),
    "first person": _count(r"\bI\b|\bI'm\b|\b[Mm]y\b"),
    "second person": _count(r"\b[Yy]ou\b|\b[Yy]our\b"),
    "contractions": _count(r"\w['’](?:s|t|re|ll|ve|m|d)\b"),
    "word length": _word_length,
    "variety of words": _variety,
    "ends in a full stop": _has(r"[.!?]\s*$"),
    "ends in a space": _has(r"\s$"),
    "begins with a space": _has(r"^\s"),
    "beyond ASCII": _count(r"[^\x00-\x7f]"),
}


@dataclass(frozen=True)
class FormEvidence:
    """Scaled habits, shape ``(models, prompts, habits)``, 0 where an answer is absent."""

    habits: Floats
    present: Floats
    teachers: tuple[int, ...]

    def at(self, weights: Floats) -> Floats:
        """Negative distances, see ``Evidence``."""
        mass = np.einsum("bp,mp->bm", weights, self.present)
        total = np.einsum("bp,mph->bmh", weights, self.habits, optimize=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(mass[..., None] > 0, total / mass[..., None], np.nan)
        mean = mean / np.nanstd(mean, axis=1, keepdims=True).clip(1e-6)
        theirs = mean[:, list(self.teachers)]
        gap = mean[:, :, None, :] - theirs[:, None, :, :]
        out: Floats = -np.sqrt(np.mean(np.minimum(gap**2, 9.0), axis=-1))
        for column, model in enumerate(self.teachers):
            out[:, model, column] = np.nan
        return out


class Form:
    """Likeness of habits."""

    name = "form"

    def prepare(self, exhibit: Exhibit) -> FormEvidence:
        """Measure every answer's habits."""
        present = exhibit.tokens.present.astype(np.float64)
        m, p = present.shape
        habits = np.zeros((m, p, len(HABITS)))
        for i, row in enumerate(exhibit.texts):
            for j, text in enumerate(row):
                if text:
                    habits[i, j] = [habit(text) for habit in HABITS.values()]
        answers = present.sum(axis=0).clip(1)
        centre = (habits * present[..., None]).sum(axis=0) / answers[:, None]
        habits = (habits - centre) * present[..., None]
        return FormEvidence(habits, present, exhibit.teachers)
