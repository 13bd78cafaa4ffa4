"""Test a suspect's text for every key, and name the cohort that fed it.

Rules
    - Holm over all keys and both marks tested: more cohorts cost power, not honesty.
    - A text with too few distinct contexts is not tested, and the answer says so.
"""

import codecs
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import orjson
from tokenizers import Tokenizer

from stillwatch.errors import EmptyInput, InputError
from stillwatch.logs import lenient
from stillwatch.provenance.limits import Limits
from stillwatch.provenance.marks.greenlist import LEAST_PAIRS, Count, count_green, distinct_pairs
from stillwatch.provenance.marks.keys import Keyring
from stillwatch.provenance.marks.phrasing import count_choices, observe
from stillwatch.provenance.null import holm
from stillwatch.provenance.tokens import split

Kind = Literal["green", "phrasing"]
Encoder = Callable[[str], npt.NDArray[np.uint64]]

LEAST_CHOICES: Final = 20
"""Contexts with a choice of phrasing below which a text is too short to be tested."""
_FIELDS: Final = ("output", "response", "answer", "completion", "text", "generation")


@dataclass(frozen=True, slots=True)
class Hit:
    """One key's count with its p-value after Holm."""

    kind: Kind
    count: Count
    adjusted: float


@dataclass(frozen=True, slots=True)
class Examination:
    """All keys, strongest first."""

    hits: tuple[Hit, ...]
    texts: int
    tokens: int
    skipped: tuple[str, ...]
    """What was not tested, and why."""

    def found(self, alpha: float) -> tuple[Hit, ...]:
        """Keys that the text carries at level ``alpha``."""
        return tuple(hit for hit in self.hits if hit.adjusted <= alpha)


def word_ids(text: str) -> npt.NDArray[np.uint64]:
    """Words and punctuation as 64-bit ids, for marks that were not set on a tokenizer's ids."""
    return np.array([_word_id(word) for word in split(text)], dtype=np.uint64)


@lru_cache(maxsize=200_000)
def _word_id(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")


def examine(
    texts: Sequence[str], ring: Keyring, kinds: Sequence[Kind], encode: Encoder = word_ids
) -> Examination:
    """Test texts for every key of the ring."""
    counts: list[tuple[Kind, Count]] = []
    skipped: list[str] = []
    tokens = 0
    if "green" in kinds:
        pairs = distinct_pairs([encode(text) for text in texts])
        tokens = pairs.tokens
        if pairs.before.size < LEAST_PAIRS:
            skipped.append(
                f"green lists: {pairs.before.size} distinct pairs of tokens, {LEAST_PAIRS} needed"
            )
        else:
            counts += [("green", count_green(pairs, key, ring.gamma)) for key in ring.keys]
    if "phrasing" in kinds:
        observed = observe(texts)
        if len(observed.uses) < LEAST_CHOICES:
            skipped.append(
                f"phrasings: {len(observed.uses)} distinct choices, {LEAST_CHOICES} needed"
            )
        else:
            counts += [("phrasing", count_choices(observed, key)) for key in ring.keys]
    adjusted = holm([count.p for _, count in counts])
    hits = [Hit(kind, count, p) for (kind, count), p in zip(counts, adjusted, strict=True)]
    hits.sort(key=lambda hit: (hit.adjusted, hit.count.p))
    return Examination(tuple(hits), len(texts), tokens, tuple(skipped))


def tokenizer_ids(path: Path) -> Encoder:
    """Return an encoder by a ``tokenizer.json``; ``InputError`` if it cannot be read."""
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:
        raise InputError(
            f"{path} is no tokenizer ({error})",
            hint="give the tokenizer.json of the model you serve",
        ) from error
    return lambda text: np.asarray(
        tokenizer.encode(text, add_special_tokens=False).ids, dtype=np.uint64
    )


def read_texts(paths: Sequence[Path], model: str | None, limits: Limits | None = None) -> list[str]:
    """Read texts: plain files whole, JSON lines and arrays by their output field.

    ``model`` keeps rows of one model. Raises ``InputError`` and ``EmptyInput``.
    """
    limits = limits or Limits()
    texts: list[str] = []
    models: set[str] = set()
    for path in paths:
        raw = read_file(path, limits)
        if path.suffix == ".txt" or raw.lstrip()[:1] not in (b"{", b"["):
            texts.append(decoded(raw, path))
            continue
        for row in _rows(raw, path):
            name = str(row.get("model") or row.get("generator") or row.get("model_id") or "")
            models.add(name)
            text = next((str(row[f]) for f in _FIELDS if isinstance(row.get(f), str)), "")
            if text.strip() and (model is None or name == model):
                texts.append(text)
    if not texts:
        known = ", ".join(sorted(models)[:8])
        raise EmptyInput(
            "no text to test" + (f" of model {model!r}; there are {known}" if model else ""),
            hint="give answers as JSON lines with an output field, or plain text files",
        )
    if model is None and len(models) > 1:
        raise InputError(
            f"the answers are of {len(models)} models ({', '.join(sorted(models)[:5])} ...)",
            hint="say which with --suspect",
        )
    return texts


def read_file(path: Path, limits: Limits | None = None) -> bytes:
    """Read a file of answers whole, less a byte order mark; ``InputError`` if it cannot be read."""
    most = (limits or Limits()).json_bytes
    try:
        if not path.is_file():
            raise InputError(f"{path} is no file", hint="name a file of answers")
        if path.stat().st_size > most:
            raise InputError(f"{path} is larger than {most:,} bytes", hint="split it")
        return path.read_bytes().removeprefix(codecs.BOM_UTF8)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror})") from error


def decoded(raw: bytes, path: Path) -> str:
    """Text of a plain file: bytes that are none would be tested or marked as noise."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is no UTF-8 text (byte {error.start})", hint="convert it to UTF-8"
        ) from error
    if "\0" in text:
        raise InputError(f"{path} is no text: it holds NUL bytes", hint="name a file of answers")
    return text


def _rows(raw: bytes, path: Path) -> list[dict[str, object]]:
    try:
        if raw.lstrip()[:1] == b"[":
            rows = lenient.loads(raw)
        else:
            rows = [lenient.loads(line) for line in raw.splitlines() if line.strip()]
    except (ValueError, orjson.JSONDecodeError) as error:
        raise InputError(
            f"{path} is not JSON ({error})", hint="rename plain text to .txt"
        ) from error
    return [row for row in rows if isinstance(row, dict)]
