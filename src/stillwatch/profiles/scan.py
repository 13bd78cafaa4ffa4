"""The walk over the bytes of one prompt: words, their masked forms, and pieces of raw text.

This is the only place that looks at text; everything after it works on 64-bit hashes. One walk
yields two segmentations, because they serve different ends:

*words* are folded (case, width, zero-width characters) and feed phrases, shingles and hashes;
*pieces* are raw, finer, and know whether a space came before, because the token vectors they are
looked up in are case- and space-sensitive. A piece is a run of letters, one digit, a run of
punctuation, a line feed or a run of further spaces.

Rules
    * A word is a run of letters and digits, with apostrophes inside; a character of an unspaced
      script is a word of its own. Runs are cut at ``WORD`` characters, pieces at ``PIECE`` bytes,
      so that no input grows a word, a buffer or a lookup.
    * In the *masked* stream (openings, closings) a run of digits counts as one mark, and a quoted
      span as one word. A span ends at its closing mark, or at the end of the line.
    * The walk stops when a buffer is full and goes on from there: a prompt of any length passes
      through buffers of fixed size, with the same result.

>>> words_of("Don't STOP, 你好").size
4
"""

import numpy as np
import numpy.typing as npt
from numba import uint64

from stillwatch.profiles.hashing import helper, kernel
from stillwatch.profiles.pieces import (
    PIECE,
    PIECES,
    SEED,
    another_word,
    append,
    append_folded,
    close_word,
    emit,
    letter_run,
    masked_word,
    plain_end,
    plain_word,
    spaces,
)
from stillwatch.profiles.unicode import (
    APOSTROPHE,
    CLASS_MASK,
    DIGIT,
    IGNORED,
    LETTER,
    MARK,
    NEWLINE,
    SOLO,
    SPACE,
    SYMBOL,
    character_tables,
    decode,
    properties,
)

BLOCK = 1024
"""Words per block."""
WORD = 64
"""Most characters of a word; longer runs are cut."""
MASKS = BLOCK + 8
"""Size of the masked buffer: a run of eight marks may open more than one quoted span."""
_SLACK = 96  # pieces one step of the outer loop may add: a word of digits, a run of spaces

# Slots of the state that a walk carries from block to block.
POSITION, PENDING, QUOTE, WORD_END, WORDS, MASKED, PIECE_COUNT = range(7)
STATE = 7
# Counts of a prompt; letters per script follow ``LETTERS``.
CHARS, LINES, DIGITS, SYMBOLS, LETTERS = range(5)
COUNTS = LETTERS + 8

_QUOTED = np.uint64(0xC2B2AE3D27D4EB4F)
# Kinds of an open quoted span.
_NONE, _DOUBLE, _CURLY, _SINGLE, _BACKTICK = range(5)


@helper
def _is_word_start(data, i, stop, classes):  # type: ignore[no-untyped-def]
    """Whether a letter or digit stands at ``i`` (non-ASCII: anything but punctuation)."""
    if i >= stop:
        return False
    b = np.int64(data[i])
    if b >= 0x80:
        return b > 0xE2 or b < 0xE2  # U+2000-U+2FFF is punctuation and symbols
    kind = classes[b] & CLASS_MASK
    return kind in (LETTER, DIGIT)


@kernel
def _quote(data, i, stop, code, quote, after_word, classes):  # type: ignore[no-untyped-def]
    """The kind of quoted span that is open after the mark ``code`` at ``i``."""
    if quote == _NONE:
        if code == 0x22:
            return _DOUBLE
        if code in (0x201C, 0x201E, 0xAB, 0x300C, 0x300E):
            return _CURLY
        if code == 0x60:
            return _BACKTICK
        if code == 0x2018 or (
            code == 0x27 and not after_word and _is_word_start(data, i + 1, stop, classes)
        ):
            return _SINGLE
        return _NONE
    closes = (
        (quote == _DOUBLE and code == 0x22)
        or (quote == _CURLY and code in (0x201C, 0x201D, 0xBB, 0x300D, 0x300F))
        or (quote == _BACKTICK and code == 0x60)
        or (
            quote == _SINGLE
            and code in (0x27, 0x2019)
            and not _is_word_start(data, i + 1, stop, classes)
        )
    )
    return _NONE if closes else quote


@helper
def _lone_mark(data, i, stop, b, classes):  # type: ignore[no-untyped-def]
    """Whether ``b`` at ``i`` is one ASCII mark by itself that cannot open or close a span."""
    if b >= 0x80 or b in (0x22, 0x60):
        return False
    if i + 1 >= stop or data[uint64(i + 1)] >= 0x80:
        return True
    return classes[uint64(data[uint64(i + 1)])] & CLASS_MASK not in (SYMBOL, APOSTROPHE)


@helper
def _word(data, i, stop, spaced, classes, fold, counts, pieces, count):  # type: ignore[no-untyped-def]
    """Walk one word; its end, hash, masked hash, and the new number of pieces."""
    begin = start = i  # of the word, and of the open piece
    state, block, filled = SEED, uint64(0), 0
    characters = digits = 0
    after_digit = False
    while True:
        text, size = letter_run(data, i, min(stop, i + WORD - characters, start + PIECE))
        if size:
            state, block, filled = append(state, block, filled, text, size)
            i += size
            characters += size
            counts[LETTERS + 1] += size
            after_digit = False
            if size == 8:
                continue
        if i >= stop or characters >= WORD:
            break
        if i - start >= PIECE:
            count = emit(data, pieces, count, start, i, spaced)
            spaced = False
            start = i
            continue
        b = np.int64(data[i])
        if b < 0x80:
            code, size, script, folded = b, 1, 1, uint64(b)
            kind = np.int64(classes[b]) & CLASS_MASK
            if kind in (SPACE, SYMBOL):
                break
        else:
            code, size = decode(data, i, b)
            kind, script, folded = properties(classes, fold, code)
        if kind == DIGIT:
            if i > start:
                count = emit(data, pieces, count, start, i, spaced)
                spaced = False
            start = i + size
            count = emit(data, pieces, count, i, start, spaced)
            spaced = False
            digits += 1
        elif kind == LETTER:
            counts[LETTERS + script] += 1
        elif kind == APOSTROPHE:
            if after_digit or i == begin or not _is_word_start(data, i + size, stop, classes):
                break
            counts[SYMBOLS] += 1
        elif kind not in (MARK, IGNORED):
            break
        if kind != IGNORED:
            state, block, filled = append_folded(state, block, filled, folded)
            after_digit = kind == DIGIT
        counts[CHARS] -= size - 1
        i += size
        characters += 1
    if i > start:
        count = emit(data, pieces, count, start, i, spaced)
    key = close_word(state, block)
    counts[DIGITS] += digits
    return i, key, masked_word(data, begin, i, classes, fold) if digits else key, count


@kernel
def _solo(data, i, stop, spaced, classes, fold, counts, pieces, count):  # type: ignore[no-untyped-def]
    """Walk a character that is a word of its own, with its marks; end, hash, number of pieces."""
    start = i
    state, block, filled = SEED, uint64(0), 0
    while i < stop and i - start < PIECE and data[i] >= 0x80:
        code, size = decode(data, i, np.int64(data[i]))
        kind, script, folded = properties(classes, fold, code)
        if i > start and kind not in (MARK, IGNORED):
            break
        if i == start:
            counts[LETTERS + script] += 1
        if kind != IGNORED:
            state, block, filled = append_folded(state, block, filled, folded)
        counts[CHARS] -= size - 1
        i += size
    return i, close_word(state, block), emit(data, pieces, count, start, i, spaced)


@helper
def _marks(data, i, stop, state, classes, fold, counts, masked, n_masked):  # type: ignore[no-untyped-def]
    """Walk a run of at most eight ASCII marks, or one other character; its end, masked words."""
    start = i
    quote = state[QUOTE]
    while i < stop and i - start < 8:
        b = np.int64(data[i])
        if b >= 0x80 and i > start:
            break
        code, size = (b, 1) if b < 0x80 else decode(data, i, b)
        kind, _, _ = properties(classes, fold, code)
        if kind in (SYMBOL, APOSTROPHE):
            counts[SYMBOLS] += 1
            before = quote
            quote = _quote(data, i, stop, code, quote, i == state[WORD_END], classes)
            if before == _NONE and quote != _NONE:
                masked[n_masked] = _QUOTED
                n_masked += 1
        elif i > start:
            break
        counts[CHARS] -= size - 1
        i += size
        if b >= 0x80:
            break
    state[QUOTE] = quote
    return i, n_masked


@kernel
def scan(data, stop, state, counts, classes, fold, words, masked, pieces):  # type: ignore[no-untyped-def]
    """Walk on from ``state[POSITION]`` until the prompt ends at ``stop`` or a buffer is full.

    ``words`` u64 (BLOCK,) and ``masked`` u64 (MASKS,) receive hashes, ``pieces`` u64 (PIECES, 3)
    key, start and size (| 256 after a space, 0 for a fixed row); ``state`` says how many of each.
    ``counts`` adds up, save ``CHARS``, which must start as the number of bytes.
    """
    i = state[POSITION]
    pending = state[PENDING]
    n = n_masked = count = plain = 0
    unquoted = int(state[QUOTE] == _NONE)
    window, letters = i - 64, uint64(0)
    while i < stop and n < BLOCK and n_masked < BLOCK and count < PIECES - _SLACK:
        b = np.int64(data[uint64(i)])
        if b == 0x20:
            pending += 1
            i += 1
            continue
        if b < 0x80:
            kind = np.int64(classes[uint64(b)]) & CLASS_MASK
            if kind in (SPACE, NEWLINE):
                if pending:
                    count = spaces(pieces, count, pending)
                    pending = 0
                i += 1
                count = emit(data, pieces, count, i - 1, i, False)
                if kind == NEWLINE:
                    counts[LINES] += 1
                    state[QUOTE] = _NONE
                    unquoted = 1
                continue
        else:
            code, _ = decode(data, i, b)
            kind, _, _ = properties(classes, fold, code)

        if pending > 1:
            count = spaces(pieces, count, pending - 1)
        spaced = pending > 0
        pending = 0
        if kind == LETTER and b < 0x80:
            begin = i
            room = min(BLOCK - n, BLOCK - n_masked, PIECES - _SLACK - count)
            while room > 0:  # plain words with a space between them: most of most texts
                end, window, letters = plain_end(data, i, stop, classes, window, letters)
                if end == i:
                    break
                key = plain_word(data, i, end - i, spaced, pieces, count)
                words[uint64(n)] = key
                masked[uint64(n_masked)] = key
                count += 1
                n += 1
                n_masked += unquoted
                plain += end - i
                room -= 1
                i = end
                spaced = another_word(data, i, stop)
                if not spaced:
                    break
                i += 1
            if i > begin:
                pending = int(spaced)
                state[WORD_END] = i - pending
                continue
        if kind in (LETTER, DIGIT):
            i, key, mask, count = _word(data, i, stop, spaced, classes, fold, counts, pieces, count)
        elif kind == SYMBOL and _lone_mark(data, i, stop, b, classes):
            counts[SYMBOLS] += 1
            i += 1
            count = emit(data, pieces, count, i - 1, i, spaced)
            continue
        elif kind == SOLO:
            i, key, count = _solo(data, i, stop, spaced, classes, fold, counts, pieces, count)
            mask = key
        else:
            start = i
            i, n_masked = _marks(data, i, stop, state, classes, fold, counts, masked, n_masked)
            count = emit(data, pieces, count, start, i, spaced)
            unquoted = int(state[QUOTE] == _NONE)
            continue
        state[WORD_END] = i
        words[uint64(n)] = key
        masked[uint64(n_masked)] = mask
        n += 1
        n_masked += unquoted

    if i >= stop:
        count = spaces(pieces, count, pending)
        pending = 0
    counts[LETTERS + 1] += plain
    state[POSITION], state[PENDING] = i, pending
    state[WORDS], state[MASKED], state[PIECE_COUNT] = n, n_masked, count


def words_of(text: str) -> npt.NDArray[np.uint64]:
    """Folded word hashes of a text, as the kernel sees them."""
    tables = character_tables()
    data = np.frombuffer(text.encode(), dtype=np.uint8)
    state, counts = np.zeros(STATE, dtype=np.int64), np.zeros(COUNTS, dtype=np.int64)
    words, masked = np.empty(BLOCK, dtype=np.uint64), np.empty(MASKS, dtype=np.uint64)
    pieces = np.empty((PIECES, 3), dtype=np.uint64)
    found = [words[:0]]
    while state[POSITION] < data.size:
        scan(data, data.size, state, counts, tables.classes, tables.fold, words, masked, pieces)
        found.append(words[: state[WORDS]].copy())
    return np.concatenate(found)
