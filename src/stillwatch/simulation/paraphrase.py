"""Variations of a scaffold: words replaced, swapped or dropped at a given rate."""

import numpy as np

from stillwatch.simulation.lexicon.scaffolds import SYNONYMS

VARIANTS = 400
"""Variations kept per campaign; with every seed different, prompts never repeat anyway."""


def variations(
    rng: np.random.Generator, text: str, noise: float, count: int = VARIANTS
) -> list[str]:
    """Return ``count`` variations of a text; ``noise`` is the share of words touched, 0-1."""
    if noise <= 0 or not text.strip():
        return [text]
    return [_vary(rng, text, noise) for _ in range(count)]


def _vary(rng: np.random.Generator, text: str, noise: float) -> str:
    lines = []
    for line in text.split("\n"):
        words = line.split(" ")
        touched = rng.random(len(words)) < noise
        changed = [
            _replace(rng, word) if hit else word for word, hit in zip(words, touched, strict=True)
        ]
        if len(words) > 3 and rng.random() < noise:
            at = int(rng.integers(0, len(words) - 1))
            changed[at], changed[at + 1] = changed[at + 1], changed[at]
        lines.append(" ".join(word for word in changed if word or len(words) == 1))
    end = " " if text.endswith(" ") and not lines[-1].endswith(" ") else ""
    return "\n".join(lines) + end


def _replace(rng: np.random.Generator, word: str) -> str:
    """Put a synonym in place of a word, keeping its punctuation; unknown words are dropped rarely."""
    core = word.strip(".,:;?!'\"()")
    options = SYNONYMS.get(core.lower())
    if not options:
        return "" if len(core) < 5 and rng.random() < 0.3 else word
    choices = options.split("|")
    chosen = choices[int(rng.integers(0, len(choices)))]
    return word.replace(core, chosen.capitalize() if core[:1].isupper() else chosen)
