r"""Answers as numbers: words, marks and line breaks, interned in one vocabulary.

Rules
    - Style lives in marks and layout too, so punctuation and line breaks are tokens.
    - Scripts without spaces between words (Han, Kana, Thai ...) are cut by character.
    - An answer that is absent or empty has no tokens and is ``present = False``; no affinity
      ever counts it as a dissimilar one.

>>> split("It's 3 o'clock.\n\n- Yes!")
["it's", '3', "o'clock", '.', '\n\n', '-', 'yes', '!']
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_TOKEN = re.compile(
    rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+(?:['’][^\W_{_UNSPACED}]+)*|\n[\s]*\n|\n|[^\w\s]|_"
)


def split(text: str) -> list[str]:
    """Cut a text into lower-case tokens; any run of blank lines is one token."""
    return ["\n\n" if t[0] == "\n" and len(t) > 1 else t for t in _TOKEN.findall(text.lower())]


@dataclass(frozen=True)
class Tokens:
    """The tokens of all answers of a panel, model by model, prompt by prompt."""

    vocabulary: tuple[str, ...]
    """Token of each id."""
    flat: Ints
    """Ids of all answers in a row, shape ``(total,)``."""
    starts: Longs
    """Where each answer begins, shape ``(models * prompts + 1,)``."""
    models: int
    prompts: int

    @cached_property
    def lengths(self) -> Longs:
        """Tokens per answer, shape ``(models, prompts)``."""
        return np.diff(self.starts).reshape(self.models, self.prompts)

    @cached_property
    def present(self) -> Bools:
        """Which answers hold anything, shape ``(models, prompts)``."""
        return self.lengths > 0

    @cached_property
    def owner(self) -> Longs:
        """Number of the answer (``model * prompts + prompt``) that each token is in."""
        return np.repeat(np.arange(self.starts.size - 1), np.diff(self.starts))

    def answer(self, model: int, prompt: int) -> Ints:
        """Token ids of one answer."""
        at = model * self.prompts + prompt
        return self.flat[self.starts[at] : self.starts[at + 1]]


def tokenise(outputs: Sequence[Sequence[str | None]], longest: int) -> Tokens:
    """Intern the answers of each model (same prompts, same order), cut at ``longest`` tokens."""
    ids: dict[str, int] = {}
    parts: list[Ints] = []
    for row in outputs:
        for text in row:
            words = split(text)[:longest] if text else []
            parts.append(
                np.fromiter((ids.setdefault(w, len(ids)) for w in words), np.int32, len(words))
            )
    starts = np.zeros(len(parts) + 1, np.int64)
    np.cumsum([part.size for part in parts], out=starts[1:])
    flat = np.concatenate(parts) if parts else np.zeros(0, np.int32)
    return Tokens(tuple(ids), flat, starts, len(outputs), len(outputs[0]) if outputs else 0)
