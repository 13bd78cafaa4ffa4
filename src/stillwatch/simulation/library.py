"""Where every text of a world comes from: the prompt grammar, or real prompts where present.

Populations and tactics ask for a rule by name; when a corpus is loaded and has real text under
that name, the real text is used. Both are pure functions of (rule, key).
"""

from functools import cache

import numpy as np
import pyarrow as pa

from stillwatch.simulation.corpus import Corpus
from stillwatch.simulation.grammar import Grammar
from stillwatch.simulation.keys import Keys, mix, pick
from stillwatch.simulation.lexicon import RULES


class Library:
    """One grammar and at most one corpus."""

    def __init__(self, corpus: Corpus | None = None, pasted: float = 1.0) -> None:
        self.grammar = _grammar()
        self.corpus = corpus
        self.pasted = pasted

    def real(self, rule: str) -> bool:
        """Say whether the rule is served by real prompts."""
        return self.corpus is not None and rule in self.corpus.texts

    def text(self, rule: str, keys: Keys) -> pa.StringArray:
        """One text per key."""
        if self.corpus is not None and rule in self.corpus.texts:
            rows = self.corpus.texts[rule]
            return rows.take(pa.array(pick(mix(keys, 0xC0), len(rows))))
        return self.grammar.render(rule, keys)

    def grouped(self, rule: str, groups: Keys, keys: Keys) -> pa.StringArray:
        """One text per key out of the group (say, one template of many) that ``groups`` picks."""
        assert self.corpus is not None
        rows, starts = self.corpus.groups[rule]
        group = pick(mix(groups, 0xC1), len(starts) - 1)
        sizes = (starts[group + 1] - starts[group]).astype(np.uint64)
        return rows.take(pa.array(starts[group] + (mix(keys, 0xC2) % sizes).astype(np.int64)))

    def items(self, rule: str, set_key: int, numbers: np.ndarray) -> pa.StringArray:
        """Text of numbered items of a prompt set: equal numbers, equal text.

        A real prompt set is a permutation of the corpus, so that its first rows are all
        different; it starts again when it is used up.
        """
        if self.corpus is not None and rule in self.corpus.texts:
            rows = self.corpus.texts[rule]
            order = np.random.default_rng(set_key).permutation(len(rows))
            return rows.take(pa.array(order[numbers % len(rows)]))
        return self.grammar.render(rule, mix(numbers.astype(np.uint64), set_key))


@cache
def _grammar() -> Grammar:
    """The grammar of the lexicon; compiled once, since text does not depend on who asks."""
    return Grammar(RULES)
