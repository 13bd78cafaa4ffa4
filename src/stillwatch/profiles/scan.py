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
from numba import njit, uint64

from stillwatch.profiles.hashing import mix64
from stillwatch.profiles.unicode import (
    APOSTROPHE,
    CLASS_MASK,
    DIGIT,
    IGNORED,
    LETTER,
    MARK,
    NEWLINE,
    PLANES,
    SCRIPT_SHIFT,
    SOLO,
    SPACE,
    SYMBOL,
    character_tables,
)

BLOCK = 1024
"""Words per block; piece buffers hold ``PIECES`` entries."""
PIECES = 4 * BLOCK
WORD = 64
"""Most characters of a word; longer runs are cut."""
PIECE = 48
"""Most bytes of a piece, checked before each character (of at most four bytes)."""
MASKS = BLOCK + 8
"""Size of the masked buffer: a run of eight marks may open more than one quoted span."""
FIXED = 272
"""Pieces whose key is a row number, with size 0: 0-127 an ASCII character, 128-255 the same after
a space, 256 + n a run of n + 1 spaces. All other keys are hashes."""
_SLACK = 96  # pieces one step of the outer loop may add: a word of digits, a run of spaces
_SPACES = 16  # spaces per piece
_MOST_SPACES = 64  # a longer run counts as this many

# Slots of the state that a walk carries from block to block.
POSITION, PENDING, QUOTE, WORD_END, WORDS, MASKED, PIECE_COUNT = range(7)
STATE = 7
# Slots of the counts of a prompt; letters per script follow ``LETTERS``.
CHARS, LINES, DIGITS, SYMBOLS, WORD_COUNT, LETTERS = range(6)
COUNTS = LETTERS + 8

_SEED = np.uint64(0x8EBC6AF09C88C6E3)
_RAW = np.uint64(0x589965CC75374CC3)
_STEP = np.uint64(0x9FB21C651E98DF25)
_DIGITS = np.uint64(ord("#"))
_QUOTED = np.uint64(0xC2B2AE3D27D4EB4F)

# Kinds of an open quoted span.
_NONE, _DOUBLE, _CURLY, _SINGLE, _BACKTICK = range(5)


@njit(nogil=True, cache=True, inline="always")
def _decode(data, i, b):  # type: ignore[no-untyped-def]
    """Code point and length of the multi-byte character at ``i`` (Arrow guarantees UTF-8)."""
    if b < 0xE0:
        return (b & 0x1F) << 6 | (data[i + 1] & 0x3F), 2
    if b < 0xF0:
        return (b & 0x0F) << 12 | (data[i + 1] & 0x3F) << 6 | (data[i + 2] & 0x3F), 3
    high = (b & 0x07) << 18 | (data[i + 1] & 0x3F) << 12
    return high | (data[i + 2] & 0x3F) << 6 | (data[i + 3] & 0x3F), 4


@njit(nogil=True, cache=True, inline="always")
def _properties(classes, fold, code):  # type: ignore[no-untyped-def]
    """Class, script and folded form of a code point."""
    if code < PLANES:
        c = np.int64(classes[code])
        return c & CLASS_MASK, c >> SCRIPT_SHIFT, uint64(fold[code])
    if code < 0x40000:  # planes 2 and 3 hold ideographs
        return SOLO, 3, uint64(code)
    return SYMBOL, 0, uint64(code)


@njit(nogil=True, cache=True, inline="always")
def _step(state, value):  # type: ignore[no-untyped-def]
    return (state ^ value) * _STEP


@njit(nogil=True, cache=True)
def _spaces(pieces, count, run):  # type: ignore[no-untyped-def]
    """Emit a run of spaces that no piece takes as its prefix; the new number of pieces."""
    run = min(run, _MOST_SPACES)
    while run > 0:
        part = min(run, _SPACES)
        pieces[count, 0] = uint64(256 + part - 1)
        pieces[count, 2] = uint64(0)
        count += 1
        run -= part
    return count


@njit(nogil=True, cache=True, inline="always")
def _emit(pieces, count, key, start, size, spaced, first):  # type: ignore[no-untyped-def]
    """Emit a piece; one ASCII character has a fixed row, anything else is known by its hash."""
    if size == 1:
        pieces[count, 0] = uint64(first) + uint64(128 if spaced else 0)
        pieces[count, 2] = uint64(0)
    else:
        pieces[count, 0] = mix64(key)
        pieces[count, 1] = uint64(start)
        pieces[count, 2] = uint64(size) | uint64(256 if spaced else 0)
    return count + 1


@njit(nogil=True, cache=True, inline="always")
def _is_word_start(data, i, stop, classes):  # type: ignore[no-untyped-def]
    """Whether a letter or digit stands at ``i`` (non-ASCII: anything but punctuation)."""
    if i >= stop:
        return False
    b = np.int64(data[i])
    if b >= 0x80:
        return b > 0xE2 or b < 0xE2  # U+2000-U+2FFF is punctuation and symbols
    kind = classes[b] & CLASS_MASK
    return kind in (LETTER, DIGIT)


@njit(nogil=True, cache=True)
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


@njit(nogil=True, cache=True)
def scan(data, stop, state, counts, classes, fold, letters, words, masked, pieces):  # type: ignore[no-untyped-def]
    """Walk on from ``state[POSITION]`` until the prompt ends at ``stop`` or a buffer is full.

    ``words`` u64 (BLOCK,) and ``masked`` u64 (MASKS,) receive hashes, ``pieces`` u64 (PIECES, 3)
    key, start and size (| 256 after a space, 0 for a fixed row); ``state`` says how many of each. ``counts`` adds up.
    """
    i = state[POSITION]
    pending = state[PENDING]
    quote = state[QUOTE]
    nw = nm = np_ = 0
    chars = digits = symbols = latin = 0
    word_end = state[WORD_END]
    while i < stop and nw < BLOCK and nm < BLOCK and np_ < PIECES - _SLACK:
        b = np.int64(data[i])
        if b < 0x80:
            code, size = b, 1
            kind = np.int64(classes[b]) & CLASS_MASK
            if kind == SPACE:
                i += 1
                chars += 1
                if b == 0x20:
                    pending += 1
                else:
                    np_ = _spaces(pieces, np_, pending)
                    pending = 0
                    np_ = _emit(pieces, np_, uint64(0), i, 1, False, b)
                continue
            script, folded = 0, uint64(b)
        else:
            code, size = _decode(data, i, b)
            kind, script, folded = _properties(classes, fold, code)

        if kind == NEWLINE:
            np_ = _spaces(pieces, np_, pending)
            pending = 0
            np_ = _emit(pieces, np_, uint64(0), i, 1, False, b)
            quote = _NONE
            counts[LINES] += 1
            chars += 1
            i += 1
            continue

        if pending > 1:
            np_ = _spaces(pieces, np_, pending - 1)
        spaced = pending > 0
        pending = 0

        if kind == LETTER or kind == DIGIT:  # noqa: PLR1714 -- a tuple test compiles to a loop
            h = m = _SEED
            n = 0
            numbered = False  # the word holds a digit
            after_digit = False
            start = i  # of the open piece
            first = b
            r = _RAW ^ (uint64(spaced) << uint64(40))
            while i < stop and n < WORD:
                run = i
                end = min(stop, i + WORD - n, start + PIECE)
                while i < end:
                    b = np.int64(data[i])
                    f = uint64(letters[b])
                    if f == 0:
                        break
                    h = _step(h, f)
                    m = _step(m, f)
                    r = _step(r, uint64(b))
                    i += 1
                if i > run:
                    after_digit = False
                    n += i - run
                    latin += i - run
                if i - start >= PIECE:
                    np_ = _emit(pieces, np_, r, start, i - start, spaced, first)
                    spaced = False
                    r = _RAW
                    start = i
                    if i < stop:
                        first = np.int64(data[i])
                    continue
                if i >= end:
                    continue
                if b < 0x80:
                    code, size = b, 1
                    kind = np.int64(classes[b]) & CLASS_MASK
                    script, folded = 0, uint64(b)
                else:
                    code, size = _decode(data, i, b)
                    kind, script, folded = _properties(classes, fold, code)
                if kind == LETTER:
                    counts[LETTERS + script] += 1
                    h = _step(h, folded)
                    m = _step(m, folded)
                    r = _step(r, uint64(code))
                    after_digit = False
                elif kind == DIGIT:
                    if i > start:
                        np_ = _emit(pieces, np_, r, start, i - start, spaced, first)
                        spaced = False
                    r = _step(_RAW ^ (uint64(spaced) << uint64(40)), uint64(code))
                    np_ = _emit(pieces, np_, r, i, size, spaced, b)
                    spaced = False
                    r = _RAW
                    start = i + size
                    if start < stop:
                        first = np.int64(data[start])
                    h = _step(h, folded)
                    if not after_digit:
                        m = _step(m, _DIGITS)
                    numbered = after_digit = True
                    digits += 1
                elif kind == MARK:
                    h = _step(h, folded)
                    m = _step(m, folded)
                    r = _step(r, uint64(code))
                elif kind == IGNORED:
                    r = _step(r, uint64(code))
                elif (
                    kind == APOSTROPHE
                    and n > 0
                    and not after_digit
                    and i + size < stop
                    and _is_word_start(data, i + size, stop, classes)
                ):
                    h = _step(h, folded)
                    m = _step(m, folded)
                    r = _step(r, uint64(code))
                    symbols += 1
                else:
                    break
                i += size
                n += 1
            if i > start:
                np_ = _emit(pieces, np_, r, start, i - start, spaced, first)
            chars += n
            word_end = i
            h = mix64(h)
            words[nw] = h
            nw += 1
            if quote == _NONE:
                masked[nm] = mix64(m) if numbered else h
                nm += 1
            continue

        if kind == SOLO:
            start = i
            h = _step(_SEED, folded)
            r = _step(_RAW ^ (uint64(spaced) << uint64(40)), uint64(code))
            counts[LETTERS + script] += 1
            chars += 1
            i += size
            while i < stop and i - start < PIECE and data[i] >= 0x80:
                code, size = _decode(data, i, np.int64(data[i]))
                kind, script, folded = _properties(classes, fold, code)
                if kind != MARK and kind != IGNORED:
                    break
                if kind == MARK:
                    h = _step(h, folded)
                r = _step(r, uint64(code))
                chars += 1
                i += size
            np_ = _emit(pieces, np_, r, start, i - start, spaced, b)
            word_end = i
            h = mix64(h)
            words[nw] = h
            nw += 1
            if quote == _NONE:
                masked[nm] = h
                nm += 1
            continue

        # Punctuation, symbols and stray marks: a run of ASCII marks is one piece.
        start = i
        first = b
        r = _RAW ^ (uint64(spaced) << uint64(40))
        while True:
            if kind == SYMBOL or kind == APOSTROPHE:  # noqa: PLR1714
                symbols += 1
                before = quote
                quote = _quote(data, i, stop, code, quote, i == word_end, classes)
                if before == _NONE and quote != _NONE:
                    masked[nm] = _QUOTED
                    nm += 1
            r = _step(r, uint64(code))
            chars += 1
            i += size
            if i >= stop or i - start >= 8 or code >= 0x80:
                break
            b = np.int64(data[i])
            if b >= 0x80:
                break
            code, size = b, 1
            kind = np.int64(classes[b]) & CLASS_MASK
            if kind != SYMBOL and kind != APOSTROPHE:
                break
        np_ = _emit(pieces, np_, r, start, i - start, spaced, first)

    if i >= stop:
        np_ = _spaces(pieces, np_, pending)
        pending = 0
    state[POSITION], state[PENDING], state[QUOTE], state[WORD_END] = i, pending, quote, word_end
    state[WORDS], state[MASKED], state[PIECE_COUNT] = nw, nm, np_
    counts[CHARS] += chars
    counts[DIGITS] += digits
    counts[SYMBOLS] += symbols
    counts[WORD_COUNT] += nw
    counts[LETTERS + 1] += latin


def words_of(text: str) -> npt.NDArray[np.uint64]:
    """Folded word hashes of a short text (at most ``BLOCK`` words), as the kernel sees them."""
    tables = character_tables()
    data = np.frombuffer(text.encode(), dtype=np.uint8)
    state = np.zeros(STATE, dtype=np.int64)
    words = np.empty(BLOCK, dtype=np.uint64)
    scan(
        data, data.size, state, np.zeros(COUNTS, dtype=np.int64), tables.classes, tables.fold,
        tables.ascii_letters, words, np.empty(MASKS, dtype=np.uint64),
        np.empty((PIECES, 3), dtype=np.uint64),
    )  # fmt: skip
    return words[: state[WORDS]].copy()
