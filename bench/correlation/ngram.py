"""A small language model that really learns: interpolated trigrams with absolute discounting.

It serves as the teacher whose stack carries a mark, and as the student that is trained on its answers.
Words and punctuation of the six thousand commonest kinds; the rest is one unknown token that is never
sampled.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from stillwatch.provenance.marks.processor import GreenListProcessor
from stillwatch.provenance.tokens import split

_DISCOUNT = 0.6


@dataclass(frozen=True)
class Vocabulary:
    """Words as numbers; 0 is unknown, 1 ends an answer."""

    words: tuple[str, ...]
    place: dict[str, int]

    @classmethod
    def of(cls, texts: Sequence[str], size: int = 6000) -> "Vocabulary":
        """The commonest words of some texts."""
        common = Counter(word for text in texts for word in split(text)).most_common(size - 2)
        words = ("<unknown>", "<end>", *(word for word, _ in common))
        return cls(words, {word: i for i, word in enumerate(words)})

    def encode(self, text: str) -> np.ndarray:
        """Ids of a text, its end included.

        Runs of one token (rules of tables) are cut to two: a trigram model would never leave them.
        """
        words = split(text)
        kept = [w for i, w in enumerate(words) if i < 2 or not w == words[i - 1] == words[i - 2]]
        return np.array([*(self.place.get(w, 0) for w in kept), 1], np.int64)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids."""
        return " ".join(self.words[i] for i in ids if i > 1)


class Trigrams:
    """Interpolated trigram model; ``logits`` are log-probabilities over the vocabulary."""

    def __init__(self, texts: Sequence[np.ndarray], size: int) -> None:
        self.size = size
        one = np.bincount(np.concatenate(texts), minlength=size).astype(float)
        self.unigram = (one + 0.01) / (one + 0.01).sum()
        self.two = self._table(texts, 2)
        self.three = self._table(texts, 3)

    def _table(
        self, texts: Sequence[np.ndarray], n: int
    ) -> dict[tuple[int, ...], tuple[np.ndarray, np.ndarray]]:
        counts: dict[tuple[int, ...], Counter[int]] = {}
        for text in texts:
            padded = np.concatenate([np.ones(n - 1, np.int64), text]).tolist()
            for i in range(len(text)):
                counts.setdefault(tuple(padded[i : i + n - 1]), Counter())[padded[i + n - 1]] += 1
        return {
            context: (np.fromiter(c, np.int64), np.fromiter(c.values(), float))
            for context, c in counts.items()
        }

    def probabilities(self, before: tuple[int, int]) -> np.ndarray:
        """Distribution after two tokens, shape ``(size,)``."""
        out = self.unigram
        for table, context in ((self.two, before[1:]), (self.three, before)):
            found = table.get(context)
            if found is not None:
                kinds, counts = found
                left = _DISCOUNT * kinds.size / counts.sum()
                out = out * left
                out[kinds] += (counts - _DISCOUNT) / counts.sum()
        return out

    def logits(self, before: tuple[int, int]) -> np.ndarray:
        """Log-probabilities; the unknown token is impossible."""
        out = np.log(self.probabilities(before))
        out[0] = -np.inf
        return out

    def sample(
        self, tokens: int, rng: np.random.Generator, processor: GreenListProcessor | None = None
    ) -> list[np.ndarray]:
        """Answers of about ``tokens`` tokens in all, each ended by its end token."""
        done: list[np.ndarray] = []
        total = 0
        while total < tokens:
            ids: list[int] = []
            while len(ids) < 400 and (not ids or ids[-1] != 1):
                before = (ids[-2] if len(ids) > 1 else 1, ids[-1] if ids else 1)
                logits = self.logits(before)
                if processor is not None:
                    logits = processor([before[1]], logits)
                weights = np.exp(logits - logits.max())
                ids.append(int(np.searchsorted(np.cumsum(weights), rng.random() * weights.sum())))
            total += len(ids)
            done.append(np.array(ids, np.int64))
        return done

    def perplexity(self, texts: Sequence[np.ndarray]) -> float:
        """Perplexity of known tokens."""
        logs = []
        for text in texts:
            padded = [1, 1, *text.tolist()]
            logs += [
                self.logits((padded[i], padded[i + 1]))[padded[i + 2]]
                for i in range(len(text))
                if padded[i + 2] > 0
            ]
        return float(np.exp(-np.mean(logs)))
