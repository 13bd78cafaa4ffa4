"""What an affinity is: how much each model's answers are like each teacher's.

An affinity looks at the panel once (``prepare``) and then gives its matrix for any weighting of
the prompts (``at``). The prompt bootstrap is nothing but many weightings, so it costs no second
look at the text, and all affinities are resampled alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from stillwatch.provenance.tokens import Tokens

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Exhibit:
    """A panel as the affinities see it."""

    tokens: Tokens
    """Answers of all models."""
    texts: Sequence[Sequence[str | None]]
    """The same as text, ``[model][prompt]``."""
    teachers: tuple[int, ...]
    """Models whose influence is asked about, by number."""
    vendors: tuple[str, ...]
    """Vendor of each teacher."""
    folds: int = 5
    """Parts of the prompts for affinities that learn: what scores a prompt never saw it."""

    @cached_property
    def fold(self) -> npt.NDArray[np.int64]:
        """Fold of each prompt, shape ``(prompts,)``; the same for the same number of prompts."""
        order = np.random.default_rng(0).permutation(self.tokens.prompts)
        fold = np.empty(self.tokens.prompts, np.int64)
        fold[order] = np.arange(self.tokens.prompts) % self.folds
        return fold


class Evidence(Protocol):
    """An affinity that has looked at a panel."""

    def at(self, weights: Floats) -> Floats:
        """Affinity for each weighting of the prompts.

        ``weights`` has shape ``(draws, prompts)``; the result ``(draws, models, teachers)``, NaN
        where a model has no answer to any weighted prompt or is compared with itself.
        """


class Affinity(Protocol):
    """One way to compare; one file each in this folder, listed in ``registry``."""

    @property
    def name(self) -> str:
        """Name in the model card and the report."""

    def prepare(self, exhibit: Exhibit) -> Evidence:
        """Look at the panel."""


@dataclass(frozen=True)
class PerPrompt:
    """Evidence that is a weighted mean over prompts."""

    values: npt.NDArray[np.float32]
    """Shape ``(models, teachers, prompts)``, NaN where an answer is absent."""

    def at(self, weights: Floats) -> Floats:
        """Weighted means, see ``Evidence``."""
        known = np.isfinite(self.values)
        m, t, p = self.values.shape
        filled = np.where(known, self.values, 0).reshape(m * t, p).astype(np.float64)
        total = weights @ filled.T
        mass = weights @ known.reshape(m * t, p).T.astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(mass > 0, total / mass, np.nan).reshape(-1, m, t)


def without_self(values: npt.NDArray[np.float32], teachers: Sequence[int]) -> PerPrompt:
    """Blank each teacher's likeness to itself: it says nothing and is always the largest."""
    for column, model in enumerate(teachers):
        values[model, column] = np.nan
    return PerPrompt(values)
