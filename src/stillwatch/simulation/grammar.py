"""A prompt grammar that renders whole columns of text at once.

Why: text is the cost of a simulation. A rule's alternatives are compiled into one table of
parts, each part a range of one Arrow array of phrases; rendering n prompts is then a dozen
``take`` calls and one join, however many rules are in play.

Rules
    * A grammar maps a rule's name to alternatives, each a text with ``{slot}`` places.
    * ``{slot:tag}`` draws the same phrase wherever the tag repeats inside one alternative.
    * A slot is filled from the pool of the rule of that name. A pool is the rule's alternatives,
      expanded (sampled when there are more than ``POOL`` of them).
    * Text is a pure function of (rule, key); see ``keys``.

>>> import numpy as np
>>> g = Grammar({"pet": ("cat", "dog"), "ask": ("My {pet:a} and your {pet:a}?",)})
>>> g.render("ask", np.arange(3, dtype=np.uint64)).to_pylist()[0] in {
...     "My cat and your cat?", "My dog and your dog?"}
True
"""

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from stillwatch.errors import ConfigError
from stillwatch.simulation.keys import Keys, mix, pick

POOL = 1500
"""Most phrases kept for one slot."""
_SLOT = re.compile(r"\{([a-z0-9_.]+)(?::([a-z0-9]+))?\}")
_CHOICE = 0xC401CE


@dataclass(frozen=True, slots=True)
class _Compiled:
    """All alternatives of one rule, as ranges of the phrase array."""

    starts: npt.NDArray[np.int64]
    """(alternatives, parts): first phrase of the part."""
    sizes: npt.NDArray[np.uint64]
    """(alternatives, parts): number of phrases to draw from."""
    salts: npt.NDArray[np.uint64]
    """(alternatives, parts): decides the draw, so equal tags draw alike."""


class Grammar:
    """Rules, compiled when first used."""

    def __init__(self, rules: Mapping[str, Sequence[str]]) -> None:
        self._rules = rules
        self._compiled: dict[str, _Compiled] = {}
        self._ranges: dict[str, tuple[int, int]] = {}
        self._phrases: list[str] = [""]
        self._array: pa.StringArray | None = None

    def __contains__(self, rule: str) -> bool:
        return rule in self._rules

    def render(self, rule: str, keys: Keys) -> pa.StringArray:
        """Render one text per key; equal keys give equal texts."""
        return self._render(self._compile(rule), keys)

    def phrases(self, rule: str) -> pa.StringArray:
        """Return the pool of a rule: its alternatives, expanded."""
        start, size = self._pool(rule)
        return self._phrase_array().slice(start, size)

    def _render(self, table: _Compiled, keys: Keys) -> pa.StringArray:
        choice = pick(mix(keys, _CHOICE), len(table.starts))
        phrases = self._phrase_array()
        columns = []
        for part in range(table.starts.shape[1]):
            draw = mix(keys, table.salts[choice, part]) % table.sizes[choice, part]
            columns.append(
                phrases.take(pa.array(table.starts[choice, part] + draw.astype(np.int64)))
            )
        return pc.binary_join_element_wise(*columns, "")

    def _phrase_array(self) -> pa.StringArray:
        if self._array is None or len(self._array) != len(self._phrases):
            self._array = pa.array(self._phrases, pa.string())
        return self._array

    def _compile(self, rule: str) -> _Compiled:
        if rule not in self._compiled:
            rows = [self._parts(rule, text) for text in self._alternatives(rule)]
            width = max(len(row) for row in rows)
            table = np.zeros((len(rows), width, 3), dtype=np.uint64)
            table[:, :, 1] = 1
            for i, row in enumerate(rows):
                table[i, : len(row)] = row
            self._compiled[rule] = _Compiled(
                table[:, :, 0].astype(np.int64), table[:, :, 1].copy(), table[:, :, 2].copy()
            )
        return self._compiled[rule]

    def _alternatives(self, rule: str) -> Sequence[str]:
        if rule not in self._rules:
            raise ConfigError(
                f"the prompt grammar has no rule {rule!r}", hint="add it to simulation/lexicon"
            )
        return self._rules[rule]

    def _parts(self, rule: str, text: str) -> list[tuple[int, int, int]]:
        """Split one alternative into (start, size, salt) ranges."""
        parts, end = [], 0
        for slot in _SLOT.finditer(text):
            if slot.start() > end:
                parts.append((*self._literal(text[end : slot.start()]), 0))
            name, tag = slot.groups()
            parts.append(
                (*self._pool(name), _salt(f"{name}:{tag}" if tag else f"{rule}@{slot.start()}"))
            )
            end = slot.end()
        if end < len(text) or not parts:
            parts.append((*self._literal(text[end:]), 0))
        return parts

    def _literal(self, text: str) -> tuple[int, int]:
        self._phrases.append(text)
        return len(self._phrases) - 1, 1

    def _pool(self, rule: str) -> tuple[int, int]:
        if rule not in self._ranges:
            texts = self._expand(rule)
            self._ranges[rule] = (len(self._phrases), len(texts))
            self._phrases.extend(texts)
        return self._ranges[rule]

    def _expand(self, rule: str) -> list[str]:
        alternatives = self._alternatives(rule)
        if not any(_SLOT.search(text) for text in alternatives):
            return list(alternatives)
        keys = mix(np.arange(POOL, dtype=np.uint64), _salt(rule))
        texts: list[str] = self._render(self._compile(rule), keys).unique().to_pylist()
        return texts


def _salt(name: str) -> int:
    """A salt that is the same in every process (``hash`` is not)."""
    return zlib.crc32(name.encode()) + 1
