"""The text-level mark: a keyed choice among equivalent phrasings. It needs no logits.

Where an answer says "for example", the key and the word before decide whether it goes out as "for
example" or "for instance". A student that learned from such answers carries the choices on.

Rules
    - Code, in fences or backquotes, and quoted text are never touched.
    - The choice is uniform over the members of a set, so that under a wrong key a context agrees with
      chance 1 / members, whatever people prefer to say. The first use in each context counts.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

import numpy as np
import yaml
from scipy import stats

from stillwatch.provenance.marks.greenlist import Count
from stillwatch.provenance.marks.keys import Key, siphash

_CODE: Final = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|\"[^\"\n]*\"|“[^”\n]*”", re.DOTALL)
_BEFORE: Final = re.compile(r"([^\W_]+)\W*\Z")
_WORD: Final = re.compile(r"\w+")
_ARTICLES: Final = frozenset(("a", "an"))
_REACH: Final = 60


class Use(NamedTuple):
    """One place where a phrasing stands."""

    start: int
    end: int
    group: int
    member: int
    context: int
    """Hash of the set and the word before it."""


@dataclass(frozen=True, slots=True)
class Phrasings:
    """Sets of equivalent phrasings with their matcher."""

    sets: tuple[tuple[str, ...], ...]
    pattern: re.Pattern[str]
    place: dict[str, tuple[int, int]]

    def uses(self, text: str) -> Iterator[Use]:
        """Yield every use outside of code and quotes, in order."""
        hidden = [m.span() for m in _CODE.finditer(text)]
        at = 0
        for match in self.pattern.finditer(text):
            while at < len(hidden) and hidden[at][1] <= match.start():
                at += 1
            if at < len(hidden) and hidden[at][0] < match.end():
                continue
            group, member = self.place[match.group().lower()]
            before = _BEFORE.search(text, max(0, match.start() - _REACH), match.start())
            word = before.group(1).lower() if before else ""
            if word in _ARTICLES:
                continue  # "an important" cannot become "an significant"
            yield Use(match.start(), match.end(), group, member, _context(group, word))


def _context(group: int, word: str) -> int:
    digest = hashlib.blake2b(f"{group} {word}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


@cache
def shipped_phrasings() -> Phrasings:
    """Return the sets that come with stillwatch."""
    raw = yaml.safe_load(
        (files("stillwatch.provenance.marks") / "phrasings.yaml").read_text("utf-8")
    )
    return make_phrasings(raw["sets"])


def make_phrasings(sets: Sequence[Sequence[str]]) -> Phrasings:
    """Compile sets; ``ValueError`` if a phrase is in two of them or alone in one."""
    place: dict[str, tuple[int, int]] = {}
    for group, members in enumerate(sets):
        if len(members) < 2:
            raise ValueError(f"set {group} has no choice: {members}")
        for member, phrase in enumerate(members):
            if phrase in place:
                raise ValueError(f"{phrase!r} is in two sets")
            place[phrase] = (group, member)
    words = sorted(place, key=len, reverse=True)
    pattern = re.compile(r"(?<![\w-])(?:" + "|".join(map(re.escape, words)) + r")(?![\w-])", re.I)
    return Phrasings(tuple(map(tuple, sets)), pattern, place)


def _chosen(key: Key, use: Use, members: int) -> int:
    k0, k1 = key.halves
    return int(siphash(k0, k1, np.uint64(use.context))) % members


@dataclass(frozen=True, slots=True)
class Marked:
    """A marked text and what the mark cost it."""

    text: str
    uses: int
    """Places where a choice was made."""
    changed: int
    """Places where the text says something else than before."""
    words: int


def mark_text(text: str, key: Key, phrasings: Phrasings | None = None) -> Marked:
    """Choose every phrasing by the key; case of the first letter is kept."""
    phrasings = phrasings or shipped_phrasings()
    parts: list[str] = []
    done = uses = changed = 0
    for use in phrasings.uses(text):
        members = phrasings.sets[use.group]
        chosen = members[_chosen(key, use, len(members))]
        old = text[use.start : use.end]
        uses += 1
        if chosen != old.lower():
            changed += 1
            new = chosen.upper() if old.isupper() else chosen
            parts += [text[done : use.start], new[0].upper() + new[1:] if old[0].isupper() else new]
            done = use.end
    parts.append(text[done:])
    return Marked("".join(parts), uses, changed, len(_WORD.findall(text)))


@dataclass(frozen=True, slots=True)
class Observed:
    """The first choice in each context of some texts."""

    uses: tuple[Use, ...]
    phrasings: Phrasings


def observe(texts: Sequence[str], phrasings: Phrasings | None = None) -> Observed:
    """Collect choices; a context that comes again is counted once."""
    phrasings = phrasings or shipped_phrasings()
    first: dict[int, Use] = {}
    for text in texts:
        for use in phrasings.uses(text):
            first.setdefault(use.context, use)
    return Observed(tuple(first.values()), phrasings)


def count_choices(observed: Observed, key: Key) -> Count:
    """Exact Poisson-binomial test of one key."""
    sizes = np.array([len(observed.phrasings.sets[u.group]) for u in observed.uses], dtype=np.int64)
    hits = sum(
        _chosen(key, use, int(size)) == use.member
        for use, size in zip(observed.uses, sizes, strict=True)
    )
    chances = np.ones(1)
    for size, times in zip(*np.unique(sizes, return_counts=True), strict=True):
        chances = np.convolve(chances, _binomial(int(times), 1 / int(size)))
    tail = float(min(1.0, chances[hits:].sum()))
    return Count(key.cohort, int(hits), len(sizes), float((1 / sizes).sum()), tail)


def _binomial(n: int, p: float) -> np.ndarray:
    return np.asarray(stats.binom.pmf(np.arange(n + 1), n, p))
