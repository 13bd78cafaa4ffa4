"""Openings: whether a model begins as the teacher does, where few others do.

The common beginning of two answers to one prompt, up to three tokens, counts
``log(models / models that begin so)``: "The capital of" shared by all is worth nothing, "Sure! Here"
shared by two is worth much.
"""

from typing import Final

import numpy as np

from stillwatch.provenance.affinities.interface import Exhibit, PerPrompt, without_self
from stillwatch.provenance.tokens import Tokens

LONGEST: Final = 3


class Openings:
    """Rarity of the common opening."""

    name = "openings"

    def prepare(self, exhibit: Exhibit) -> PerPrompt:
        """Compare the first tokens of all answers."""
        tokens = exhibit.tokens
        prefix, rarity = _prefixes(tokens)
        teachers = list(exhibit.teachers)
        out = np.zeros((tokens.models, len(teachers), tokens.prompts), np.float32)
        for k in range(LONGEST):
            same = (prefix[k][:, None] == prefix[k][teachers][None]) & (prefix[k] >= 0)[:, None]
            np.copyto(out, np.broadcast_to(rarity[k][:, None], out.shape), where=same)
        both = tokens.present[:, None] & tokens.present[teachers][None]
        out[~both] = np.nan
        return without_self(out, exhibit.teachers)


def _prefixes(tokens: Tokens) -> tuple[np.ndarray, np.ndarray]:
    """Id of each answer's first 1, 2, 3 tokens and its rarity; -1 where it is shorter.

    Shapes ``(LONGEST, models, prompts)``.
    """
    shape = (LONGEST, tokens.models, tokens.prompts)
    ids, rarity = np.full(shape, -1, np.int64), np.zeros(shape)
    begin, length = tokens.starts[:-1].reshape(shape[1:]), tokens.lengths
    prompt = np.broadcast_to(np.arange(tokens.prompts), shape[1:])
    before = prompt.astype(np.int64)
    size = len(tokens.vocabulary) + 1
    for k in range(LONGEST):
        long = length > k
        # an id of the prompt and the tokens so far, made small again at every step
        raw = before[long] * size + tokens.flat[begin[long] + k]
        _, inverse, counts = np.unique(raw, return_inverse=True, return_counts=True)
        ids[k][long] = inverse
        rarity[k][long] = np.log(tokens.models / counts[inverse])
        before = ids[k]
    return ids, rarity
