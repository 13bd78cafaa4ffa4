"""Overlap of two answers to one prompt: ROUGE-L, shared 8-grams, rare 3-grams.

All good answers to a prompt overlap; only a null over models says how much is too much.
"""

import numpy as np

from stillwatch.provenance.affinities import pairs
from stillwatch.provenance.affinities.grams import distinct, rarity
from stillwatch.provenance.affinities.interface import Exhibit, PerPrompt, without_self


def _empty(exhibit: Exhibit) -> np.ndarray:
    tokens = exhibit.tokens
    return np.empty((tokens.models, len(exhibit.teachers), tokens.prompts), np.float32)


class RougeL:
    """F-measure of the longest common subsequence (Lin 2004)."""

    name = "rouge-l"

    def prepare(self, exhibit: Exhibit) -> PerPrompt:
        """Compare all answers with the teachers'."""
        t, out = exhibit.tokens, _empty(exhibit)
        teachers = np.array(exhibit.teachers)
        pairs.rouge(t.flat, t.starts, t.models, t.prompts, teachers, len(t.vocabulary) + 1, out)
        return without_self(out, exhibit.teachers)


class SharedGrams:
    """Share of a model's 8-grams that the teacher's answer to the same prompt has, too."""

    name = "shared-8-grams"

    def prepare(self, exhibit: Exhibit) -> PerPrompt:
        """Compare all answers with the teachers'."""
        value, starts = distinct(exhibit.tokens, 8)
        return _overlap(exhibit, value, starts, np.ones(value.size), cosine=False)


class RareGrams:
    """Cosine of 3-grams, each weighed by how few models have it in their answer to the prompt."""

    name = "rare-3-grams"

    def prepare(self, exhibit: Exhibit) -> PerPrompt:
        """Compare all answers with the teachers'."""
        value, starts = distinct(exhibit.tokens, 3)
        weight = rarity(value, starts, exhibit.tokens.models, exhibit.tokens.prompts)
        return _overlap(exhibit, value, starts, weight, cosine=True)


def _overlap(
    exhibit: Exhibit, value: np.ndarray, starts: np.ndarray, weight: np.ndarray, *, cosine: bool
) -> PerPrompt:
    t, out = exhibit.tokens, _empty(exhibit)
    teachers = np.array(exhibit.teachers)
    pairs.weighted_overlap(value, starts, t.models, t.prompts, teachers, weight, cosine, out)
    return without_self(out, exhibit.teachers)
