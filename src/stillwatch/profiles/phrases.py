"""Phrase families: what prompts of a tactic or a capability say, and finding them in a stream.

A family is a YAML file under ``rules/phrases``: a name, what it means, why it matters, who else
uses the words, the phrases, and samples that must and must not match. A family says that words
occur, never that anyone did wrong: detectors compare rates between accounts.

Rules
    * A phrase matches whole words, whatever the case, punctuation and line breaks between them.
    * Families are ordered by name; the bit of a family is its place in that order.
    * At most 64 families (one bit each); a file that breaks the schema stops the load with its
      name and field.

>>> table = FamilyTable.compile(load_families(shipped_rules() / "phrases"))
>>> table.names[0] <= table.names[1]
True
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jsonschema
import numpy as np
import numpy.typing as npt
import yaml
from numba import uint64

from stillwatch.errors import ConfigError
from stillwatch.profiles.hashing import helper, kernel
from stillwatch.profiles.scan import words_of

MOST_FAMILIES = 64
"""One bit each in ``TextFeatures.families``."""
MOST_WORDS = 32
"""Longest phrase."""
_FILTER_BITS = 16
_STATE_BITS = 16
_STATE = np.uint64((1 << _STATE_BITS) - 1)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)

Kind = Literal["tactic", "capability", "warning"]

_TEXTS = {"type": "array", "minItems": 2, "items": {"type": "string", "minLength": 1}}
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "kind", "title", "why", "innocent", "phrases", "samples"],
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z][a-z0-9_]{2,39}$"},
        "kind": {"enum": ["tactic", "capability", "warning"]},
        "title": {"type": "string", "minLength": 3, "maxLength": 80},
        "why": {"type": "string", "minLength": 10},
        "innocent": {"type": "string", "minLength": 10},
        "phrases": {
            "type": "array",
            "minItems": 1,
            "uniqueItems": True,
            "items": {"type": "string", "minLength": 2, "maxLength": 120},
        },
        "samples": {
            "type": "object",
            "additionalProperties": False,
            "required": ["match", "no_match"],
            "properties": {"match": _TEXTS, "no_match": _TEXTS},
        },
    },
}


@dataclass(frozen=True, slots=True)
class Family:
    """Phrases that mean one thing."""

    name: str
    """Stable identifier, also the file's stem."""
    kind: Kind
    """``tactic``: how extraction is asked for; ``capability``: what is taught; ``warning``: other."""
    title: str
    """For people."""
    why: str
    """Why an analyst should care, in one line."""
    innocent: str
    """Who else uses these words."""
    phrases: tuple[str, ...]
    match: tuple[str, ...]
    """Sample prompts in which the family occurs."""
    no_match: tuple[str, ...]
    """Sample prompts in which it does not."""


def shipped_rules() -> Path:
    """The folder of shipped rules (``phrases``, ``detection``): the package's or the repository's."""
    package = Path(__file__).resolve().parents[1]
    for rules in (package / "rules", package.parents[1] / "rules"):
        if (rules / "phrases").is_dir():
            return rules
    raise ConfigError(
        "the shipped phrase families (rules/phrases) are missing", hint="install stillwatch again"
    )


def load_families(folder: Path) -> tuple[Family, ...]:
    """Read every ``*.yaml`` of ``folder``, ordered by name. Raises ``ConfigError``."""
    families = [_load(path) for path in sorted(folder.glob("*.yaml"))]
    if not families:
        raise ConfigError(f"{folder}: no phrase families", hint="expected files named *.yaml")
    if len(families) > MOST_FAMILIES:
        raise ConfigError(
            f"{folder}: {len(families)} phrase families", hint=f"at most {MOST_FAMILIES} fit"
        )
    return tuple(sorted(families, key=lambda family: family.name))


def _load(path: Path) -> Family:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: {' '.join(str(error).split())}") from error
    errors = jsonschema.Draft202012Validator(_SCHEMA).iter_errors(content)
    if problem := jsonschema.exceptions.best_match(errors):
        raise ConfigError(f"{path}: {problem.json_path}: {problem.message}")
    if content["name"] != path.stem:
        raise ConfigError(f"{path}: $.name: {content['name']!r} must be the file's name")
    samples = content.pop("samples")
    content["phrases"] = tuple(content["phrases"])
    return Family(**content, match=tuple(samples["match"]), no_match=tuple(samples["no_match"]))


@dataclass(frozen=True, slots=True)
class FamilyTable:
    """Families compiled to an automaton over word hashes (Aho & Corasick 1975)."""

    names: tuple[str, ...]
    """Family names in bit order."""
    families: tuple[Family, ...]
    filters: npt.NDArray[np.uint64]
    """Three bitmaps: words that begin a phrase, words that are one, pairs of words that begin one;
    addressed by the low bits of the hash, of a pair by those of ``_pair``."""
    edges: npt.NDArray[np.uint64]
    """Open-addressing table (slots,): upper bits of the mixed (state, word), and the next state."""
    fail: npt.NDArray[np.int64]
    """State to fall back to, shape (states,)."""
    found: npt.NDArray[np.uint64]
    """Families that end in a state, shape (states,)."""

    @classmethod
    def compile(cls, families: Sequence[Family]) -> "FamilyTable":
        """Build the automaton. Raises ``ConfigError`` for a phrase without words, or too long."""
        trie = _Trie()
        for bit, family in enumerate(families):
            for phrase in family.phrases:
                trie.add(_words(family, phrase), bit)
        return cls(
            tuple(family.name for family in families),
            tuple(families),
            trie.filters(),
            trie.table(),
            np.array(trie.fall_back(), dtype=np.int64),
            np.array(trie.found, dtype=np.uint64),
        )


def _words(family: Family, phrase: str) -> list[int]:
    words = [int(word) for word in words_of(phrase)]
    if not 0 < len(words) <= MOST_WORDS:
        raise ConfigError(
            f"{family.name}.yaml: phrase {phrase!r} has {len(words)} words",
            hint=f"use 1 to {MOST_WORDS} (each ideograph counts as one)",
        )
    return words


class _Trie:
    """The automaton while it is built."""

    def __init__(self) -> None:
        self.children: list[dict[int, int]] = [{}]
        self.found = [0]

    def add(self, words: list[int], bit: int) -> None:
        state = 0
        for word in words:
            if word not in self.children[state]:
                self.children[state][word] = len(self.children)
                self.children.append({})
                self.found.append(0)
            state = self.children[state][word]
        self.found[state] |= 1 << bit

    def fall_back(self) -> list[int]:
        """Longest proper suffix that is a state, breadth first; its families are found too."""
        fail = [0] * len(self.children)
        queue = deque(self.children[0].values())
        while queue:
            state = queue.popleft()
            self.found[state] |= self.found[fail[state]]
            for word, child in self.children[state].items():
                suffix = fail[state]
                while suffix and word not in self.children[suffix]:
                    suffix = fail[suffix]
                fail[child] = self.children[suffix].get(word, 0)
                queue.append(child)
        return fail

    def filters(self) -> npt.NDArray[np.uint64]:
        bitmaps = np.zeros((3, (1 << _FILTER_BITS) // 64), dtype=np.uint64)

        def mark(bitmap: int, word: int) -> None:
            bit = word & ((1 << _FILTER_BITS) - 1)
            bitmaps[bitmap, bit >> 6] |= np.uint64(1 << (bit & 63))

        for word, child in self.children[0].items():
            mark(0, word)
            if self.found[child]:
                mark(1, word)
            for second in self.children[child]:
                mark(2, int(_pair(np.uint64(word), np.uint64(second))))
        return bitmaps

    def table(self) -> npt.NDArray[np.uint64]:
        if len(self.children) > 1 << _STATE_BITS:
            raise ConfigError(
                f"the phrase families have {len(self.children)} beginnings of phrases",
                hint=f"at most {1 << _STATE_BITS} fit",
            )
        edges = [(s, w, t) for s, next_ in enumerate(self.children) for w, t in next_.items()]
        slots = 1 << (2 * len(edges)).bit_length()
        table = np.zeros(slots, dtype=np.uint64)
        for state, word, target in edges:
            key = int(_edge_key(np.int64(state), np.uint64(word)))
            slot = key & (slots - 1)
            while table[slot]:
                slot = (slot + 1) & (slots - 1)
            table[slot] = key & ~int(_STATE) | target
        return table


@helper
def _edge_key(state, word):  # type: ignore[no-untyped-def]
    return word + uint64(state) * _SPREAD  # word hashes are mixed already


@helper
def _next(edges, state, word):  # type: ignore[no-untyped-def]
    """The state after ``word``, or 0 when there is no such edge (no edge leads to the root)."""
    key = _edge_key(state, word)
    mask = uint64(edges.size - 1)
    slot = key & mask
    while edges[slot] != 0:
        if (edges[slot] ^ key) <= _STATE:
            return np.int64(edges[slot] & _STATE)
        slot = (slot + uint64(1)) & mask
    return 0


@helper
def _pair(word, second):  # type: ignore[no-untyped-def]
    return (word ^ (second >> uint64(7))) + second


@helper
def _passes(filters, bitmap, word):  # type: ignore[no-untyped-def]
    bit = word & uint64((1 << _FILTER_BITS) - 1)
    return (filters[bitmap, bit >> uint64(6)] >> (bit & uint64(63))) & uint64(1)


@kernel
def _starts(words, count, filters, starts):  # type: ignore[no-untyped-def]
    """Places at which a phrase may begin, into ``starts``; their number. Without branches."""
    hits = np.int64(0)
    word = words[0]
    for k in range(count - 1):
        second = words[uint64(k + 1)]
        starts[uint64(hits)] = k
        begins = _passes(filters, 2, _pair(word, second))
        hits += np.int64(begins | _passes(filters, 1, word))
        word = second
    starts[uint64(hits)] = count - 1  # what follows the last word is not known yet
    return hits + np.int64(_passes(filters, 0, words[count - 1]))


@kernel
def find_families(words, count, state, filters, edges, fail, found, starts):  # type: ignore[no-untyped-def]
    """Walk ``words[:count]`` on from ``state``; the new state and the families met (bits).

    ``starts`` i64 (count,) is room to work in: places where a phrase may begin are found first,
    and between those few nothing is walked.
    """
    families = uint64(0)
    if count == 0:
        return state, families
    hits = _starts(words, count, filters, starts)
    k = at = 0
    while True:
        if state == 0:
            while at < hits and starts[at] < k:
                at += 1
            if at == hits:
                break
            k = int(starts[at])
            state = _next(edges, 0, words[k])
        elif k == count:
            break
        else:
            target = _next(edges, state, words[k])
            if target == 0:
                state = fail[state]  # the same word again, from there
                continue
            state = target
        families |= found[state]
        k += 1
    return state, families
