"""The text kernel: one pass over the prompts of a batch, everything a profile needs from text.

Per prompt the bytes are walked once, in blocks that stay in cache (``scan``); each block feeds
the shingle sketch (``sketch``), the phrase automaton (``phrases``) and the sum of piece vectors
(``words``), which is projected at the end (``embed``). The GIL is released for the whole batch.

Rules
    * The features of a prompt depend on its text alone: not on the batch, the order, the thread,
      earlier calls or the machine.
    * Null and empty prompts have all features 0 and an empty sketch.

>>> import pyarrow as pa
>>> kernel = TextKernel(FamilyTable.compile(()), WordVectors())
>>> features = kernel.features(pa.array(["Hello, World!", "hello world", None]))
>>> bool(features.prompt[0] == features.prompt[1]), features.words.tolist()
(True, [2, 2, 0])
"""

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import uint64

from stillwatch.profiles.embed import FEATURES, project_rows, unit_vector
from stillwatch.profiles.hashing import allocating_kernel, kernel, mix64, string_buffers
from stillwatch.profiles.phrases import FamilyTable, find_families
from stillwatch.profiles.pieces import PIECES
from stillwatch.profiles.scan import (
    BLOCK,
    CHARS,
    COUNTS,
    DIGITS,
    LETTERS,
    LINES,
    MASKED,
    MASKS,
    PENDING,
    PIECE_COUNT,
    POSITION,
    STATE,
    SYMBOLS,
    WORD_END,
    WORDS,
    scan,
)
from stillwatch.profiles.simd import add_rows
from stillwatch.profiles.sketch import (
    HASH,
    HEAD,
    OPENING,
    PADDING,
    ROOM,
    SHINGLES,
    SLOTS,
    TAIL,
    add_masked,
    add_words,
    closing_hash,
    finish_sketch,
)
from stillwatch.profiles.unicode import character_tables
from stillwatch.profiles.words import DIM, NO_ARRAYS, WordVectors, find_rows

__all__ = ["DIM", "FEATURES", "SHINGLES", "TextFeatures", "TextKernel"]

_SCRIPTS = 8


@dataclass(frozen=True, slots=True)
class TextFeatures:
    """Features of n prompts; every array is C-contiguous with n rows."""

    prompt: npt.NDArray[np.uint64]
    """Hash of the words: case, white space and punctuation do not matter; 0 without words."""
    template: npt.NDArray[np.uint64]
    """Hash of the first six words, digits and quoted spans masked; 0 without words."""
    closing: npt.NDArray[np.uint64]
    """The same of the last six words."""
    words: npt.NDArray[np.int32]
    chars: npt.NDArray[np.int32]
    """Code points."""
    lines: npt.NDArray[np.int32]
    """Line feeds, and one more for the last line; 0 for an empty prompt."""
    digits: npt.NDArray[np.int32]
    """Digit characters of any script."""
    symbols: npt.NDArray[np.int32]
    """Punctuation marks and symbols."""
    script: npt.NDArray[np.uint8]
    """Script of most letters, a code of ``unicode.SCRIPTS``; 0 without letters."""
    families: npt.NDArray[np.uint64]
    """Bit i: a phrase of family i occurs."""
    shingles: npt.NDArray[np.uint32]
    """(n, SHINGLES) distinct hashes, ascending, then 0xFFFFFFFF (see ``sketch``)."""
    embedding: npt.NDArray[np.float32]
    """(n, DIM) unit vectors; zero without text, or when the kernel has no vectors."""
    topic: npt.NDArray[np.uint16]
    """16-bit topic code; near prompts share most bits."""
    fourier: npt.NDArray[np.int16]
    """(n, FEATURES) random Fourier features of the embedding, in steps of 1 / 4096."""

    @classmethod
    def zeros(cls, n: int) -> "TextFeatures":
        """Features of n empty prompts."""
        u64, i32 = np.uint64, np.int32
        return cls(
            prompt=np.zeros(n, u64),
            template=np.zeros(n, u64),
            closing=np.zeros(n, u64),
            words=np.zeros(n, i32),
            chars=np.zeros(n, i32),
            lines=np.zeros(n, i32),
            digits=np.zeros(n, i32),
            symbols=np.zeros(n, i32),
            script=np.zeros(n, np.uint8),
            families=np.zeros(n, u64),
            shingles=np.full((n, SHINGLES), PADDING, np.uint32),
            embedding=np.zeros((n, DIM), np.float32),
            topic=np.zeros(n, np.uint16),
            fourier=np.zeros((n, FEATURES), np.int16),
        )

    def first(self, n: int) -> "TextFeatures":
        """A view of the first ``n`` rows."""
        return TextFeatures(*(getattr(self, field.name)[:n] for field in fields(self)))


@kernel
def _dominant(counts):  # type: ignore[no-untyped-def]
    """Script with most letters, the lowest code of equals; 0 without letters."""
    best = 0
    for script in range(1, _SCRIPTS):
        if counts[LETTERS + script] > counts[LETTERS + best]:
            best = script
    return best


@allocating_kernel
def _measure(  # type: ignore[no-untyped-def]
    data, offsets, classes, fold, filters, edges, fail, found,
    embed, table, rows, used, characters, merges, vectors, tokens, ranks,
    prompt, template, closing, words_n, chars, lines, digits, symbols, script, families,
    shingles, embedding, topic, fourier,
) -> None:  # fmt: skip
    """All features of the prompts ``data[offsets[i]:offsets[i + 1]]``."""
    state = np.empty(STATE, dtype=np.int64)
    counts = np.empty(COUNTS, dtype=np.int64)
    words = np.empty(BLOCK, dtype=np.uint64)
    masked = np.empty(MASKS, dtype=np.uint64)
    pieces = np.empty((PIECES, 3), dtype=np.uint64)
    starts = np.empty(BLOCK, dtype=np.int64)
    slots = np.empty(SLOTS, dtype=np.uint64)
    smallest = np.empty(SHINGLES, dtype=np.uint32)
    head = np.empty(HEAD, dtype=np.uint32)
    tail = np.empty(TAIL, dtype=np.uint32)
    fresh = np.empty((3, ROOM), dtype=np.uint32)
    block = np.empty(DIM, dtype=np.int32)
    total = np.empty(DIM, dtype=np.int64)
    for i in range(offsets.size - 1):
        stop = offsets[i + 1]
        prompt[i] = template[i] = closing[i] = 0
        state[:] = 0
        state[POSITION] = offsets[i]
        state[PENDING] = 1  # the model puts a space before the first word
        state[WORD_END] = -1
        counts[:] = 0
        counts[CHARS] = stop - offsets[i]
        slots[:] = 0
        smallest[:] = PADDING
        total[:] = 0
        seen = seen_masked = phrase = 0
        bits = uint64(0)
        while state[POSITION] < stop:
            scan(data, stop, state, counts, classes, fold, words, masked, pieces)
            n = state[WORDS]
            add_words(words, n, seen, slots, smallest, head, tail, fresh)
            add_masked(masked, state[MASKED], seen_masked, slots)
            phrase, more = find_families(words, n, phrase, filters, edges, fail, found, starts)
            bits |= more
            seen += n
            seen_masked += state[MASKED]
            if embed:
                pieces_n = state[PIECE_COUNT]
                find_rows(
                    data, pieces, pieces_n, table, rows, used, characters, merges, vectors,
                    tokens, ranks,
                )  # fmt: skip
                block[:] = 0
                add_rows(pieces, pieces_n, rows, block)
                for d in range(DIM):
                    total[d] += block[d]
        finish_sketch(seen, slots, smallest, head, tail, fresh, shingles[i])
        if seen > 0:
            prompt[i] = mix64(slots[HASH])
        if seen_masked > 0:
            template[i] = mix64(slots[OPENING])
            closing[i] = closing_hash(slots, seen_masked)
        words_n[i] = seen
        chars[i] = counts[CHARS]
        lines[i] = counts[LINES] + 1 if stop > offsets[i] else 0
        digits[i] = counts[DIGITS]
        symbols[i] = counts[SYMBOLS]
        script[i] = _dominant(counts)
        families[i] = bits
        if embed:
            unit_vector(total, embedding[i])
    if embed:
        project_rows(embedding, chars, topic, fourier)


class TextKernel:
    """Measures batches of prompts. One per thread; families and the token model are shared."""

    def __init__(self, families: FamilyTable, vectors: WordVectors | None) -> None:
        self._families = families
        self._vectors = vectors

    def features(
        self, prompts: pa.StringArray | pa.LargeStringArray, room: TextFeatures | None = None
    ) -> TextFeatures:
        """Features of each prompt; nulls count as empty, slices are fine.

        With ``room`` of at least as many rows the result is a view of it: who measures batch
        after batch need not ask the system for cleared memory each time.
        """
        data, offsets = string_buffers(prompts)
        out = TextFeatures.zeros(len(prompts)) if room is None else room.first(len(prompts))
        characters = character_tables()
        families = self._families
        vectors = self._vectors
        _measure(
            data, offsets, characters.classes, characters.fold,
            families.filters, families.edges, families.fail, families.found,
            vectors is not None, *(vectors.arrays if vectors else NO_ARRAYS),
            out.prompt, out.template, out.closing, out.words, out.chars, out.lines, out.digits,
            out.symbols, out.script, out.families, out.shingles, out.embedding, out.topic,
            out.fourier,
        )  # fmt: skip
        return out
