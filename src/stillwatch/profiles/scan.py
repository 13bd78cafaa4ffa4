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

from stillwatch.profiles.hashing import helper, kernel, load_bytes, mix64, trailing_zeros
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
CHARS, LINES, DIGITS, SYMBOLS, LETTERS = range(5)
COUNTS = LETTERS + 8

_SEED = np.uint64(0x8EBC6AF09C88C6E3)
_RAW = np.uint64(0x589965CC75374CC3)
_STEP = np.uint64(0x9FB21C651E98DF25)
_DIGITS = np.uint64(ord("#"))
_QUOTED = np.uint64(0xC2B2AE3D27D4EB4F)

# Bytes of a word of eight, for the test "which of eight bytes are letters".
_HIGH = np.uint64(0x8080808080808080)
_LOW = np.uint64(0x7F7F7F7F7F7F7F7F)
_CASE = np.uint64(0x2020202020202020)
_FROM_A = np.uint64(0x1F1F1F1F1F1F1F1F)  # 0x80 - "a"
_PAST_Z = np.uint64(0x0505050505050505)  # 0x80 - "z" - 1
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)

# Kinds of an open quoted span.
_NONE, _DOUBLE, _CURLY, _SINGLE, _BACKTICK = range(5)


@helper
def _decode(data, i, b):  # type: ignore[no-untyped-def]
    """Code point and length of the multi-byte character at ``i`` (Arrow guarantees UTF-8)."""
    if b < 0xE0:
        return (b & 0x1F) << 6 | (data[i + 1] & 0x3F), 2
    if b < 0xF0:
        return (b & 0x0F) << 12 | (data[i + 1] & 0x3F) << 6 | (data[i + 2] & 0x3F), 3
    high = (b & 0x07) << 18 | (data[i + 1] & 0x3F) << 12
    return high | (data[i + 2] & 0x3F) << 6 | (data[i + 3] & 0x3F), 4


@helper
def _properties(classes, fold, code):  # type: ignore[no-untyped-def]
    """Class, script and folded form of a code point."""
    if code < PLANES:
        c = np.int64(classes[code])
        return c & CLASS_MASK, c >> SCRIPT_SHIFT, uint64(fold[code])
    if code < 0x40000:  # planes 2 and 3 hold ideographs
        return SOLO, 3, uint64(code)
    return SYMBOL, 0, uint64(code)


@helper
def _append(state, block, filled, text, size):  # type: ignore[no-untyped-def]
    """Append ``size`` (1 to 8) bytes to a word hash that holds ``filled`` (0 to 7) in ``block``."""
    shift = uint64(8 * filled)
    block |= text << shift
    filled += size
    if filled >= 8:
        state = (state ^ block) * _STEP
        state ^= state >> uint64(32)
        block = (text >> uint64(1)) >> (uint64(63) - shift)
        filled -= 8
    return state, block, filled


@helper
def _append_folded(state, block, filled, code):  # type: ignore[no-untyped-def]
    """Append a folded code point: one byte if ASCII, else three of seven bits each."""
    if code < uint64(0x80):
        return _append(state, block, filled, code, 1)
    spread = code & uint64(0x7F) | (code << uint64(1)) & uint64(0x7F00)
    spread |= (code << uint64(2)) & uint64(0x7F0000)
    return _append(state, block, filled, spread | uint64(0x808080), 3)


@helper
def _close(state, block):  # type: ignore[no-untyped-def]
    return mix64((state ^ block) * _STEP)


@kernel
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


@helper
def _emit(data, pieces, count, start, stop, spaced):  # type: ignore[no-untyped-def]
    """Emit ``data[start:stop]`` as a piece; the new number of pieces.

    One ASCII character has a fixed row, anything else is known by the hash of its bytes.
    """
    size = stop - start
    if size == 1:
        pieces[count, 0] = uint64(data[start]) | uint64(128 if spaced else 0)
        pieces[count, 2] = uint64(0)
        return count + 1
    tagged = uint64(size) | uint64(256 if spaced else 0)
    key = _RAW ^ (tagged << uint64(32))
    i = start
    while stop - i > 8:
        key = (key ^ load_bytes(data, i, 8)) * _STEP
        key ^= key >> uint64(32)
        i += 8
    pieces[count, 0] = mix64((key ^ load_bytes(data, i, stop - i)) * _STEP)
    pieces[count, 1] = uint64(start)
    pieces[count, 2] = tagged
    return count + 1


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
def _letters(data, i, end):  # type: ignore[no-untyped-def]
    """Lower-case ASCII letters at ``i`` (at most 8, not past ``end``), and how many."""
    limit = min(end - i, 8)
    if limit <= 0:
        return uint64(0), 0
    raw = load_bytes(data, i, limit)
    lower = raw | _CASE
    low = lower & _LOW
    letter = (low + _FROM_A) & ~(low + _PAST_Z) & ~raw & _HIGH
    size = min(np.int64(trailing_zeros(letter ^ _HIGH) >> uint64(3)), limit)
    if size == 0:
        return uint64(0), 0
    return lower & (_ALL >> uint64(64 - 8 * size)), size


@kernel
def _masked_word(data, i, stop, classes, fold):  # type: ignore[no-untyped-def]
    """Hash of the word ``data[i:stop]`` with every run of digits read as one mark."""
    state, block, filled = _SEED, uint64(0), 0
    after_digit = False
    while i < stop:
        b = np.int64(data[i])
        code, size = (b, 1) if b < 0x80 else _decode(data, i, b)
        kind, _, folded = _properties(classes, fold, code)
        i += size
        if kind == IGNORED:
            continue
        if kind == DIGIT:
            if after_digit:
                continue
            folded = _DIGITS
        state, block, filled = _append_folded(state, block, filled, folded)
        after_digit = kind == DIGIT
    return _close(state, block)


@helper
def _word(data, i, stop, spaced, classes, fold, counts, pieces, count):  # type: ignore[no-untyped-def]
    """Walk one word; its end, hash, masked hash, and the new number of pieces."""
    begin = start = i  # of the word, and of the open piece
    state, block, filled = _SEED, uint64(0), 0
    characters = digits = 0
    after_digit = False
    while True:
        text, size = _letters(data, i, min(stop, i + WORD - characters, start + PIECE))
        if size:
            state, block, filled = _append(state, block, filled, text, size)
            i += size
            characters += size
            counts[LETTERS + 1] += size
            after_digit = False
            if size == 8:
                continue
        if i >= stop or characters >= WORD:
            break
        if i - start >= PIECE:
            count = _emit(data, pieces, count, start, i, spaced)
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
            code, size = _decode(data, i, b)
            kind, script, folded = _properties(classes, fold, code)
        if kind == DIGIT:
            if i > start:
                count = _emit(data, pieces, count, start, i, spaced)
                spaced = False
            start = i + size
            count = _emit(data, pieces, count, i, start, spaced)
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
            state, block, filled = _append_folded(state, block, filled, folded)
            after_digit = kind == DIGIT
        counts[CHARS] -= size - 1
        i += size
        characters += 1
    if i > start:
        count = _emit(data, pieces, count, start, i, spaced)
    key = _close(state, block)
    counts[DIGITS] += digits
    return i, key, _masked_word(data, begin, i, classes, fold) if digits else key, count


@kernel
def _solo(data, i, stop, spaced, classes, fold, counts, pieces, count):  # type: ignore[no-untyped-def]
    """Walk a character that is a word of its own, with its marks; end, hash, number of pieces."""
    start = i
    state, block, filled = _SEED, uint64(0), 0
    while i < stop and i - start < PIECE and data[i] >= 0x80:
        code, size = _decode(data, i, np.int64(data[i]))
        kind, script, folded = _properties(classes, fold, code)
        if i > start and kind not in (MARK, IGNORED):
            break
        if i == start:
            counts[LETTERS + script] += 1
        if kind != IGNORED:
            state, block, filled = _append_folded(state, block, filled, folded)
        counts[CHARS] -= size - 1
        i += size
    return i, _close(state, block), _emit(data, pieces, count, start, i, spaced)


@helper
def _marks(data, i, stop, state, classes, fold, counts, masked, n_masked):  # type: ignore[no-untyped-def]
    """Walk a run of at most eight ASCII marks, or one other character; its end, masked words."""
    start = i
    quote = state[QUOTE]
    while i < stop and i - start < 8:
        b = np.int64(data[i])
        if b >= 0x80 and i > start:
            break
        code, size = (b, 1) if b < 0x80 else _decode(data, i, b)
        kind, _, _ = _properties(classes, fold, code)
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
    n = n_masked = count = 0
    while i < stop and n < BLOCK and n_masked < BLOCK and count < PIECES - _SLACK:
        b = np.int64(data[i])
        if b == 0x20:
            pending += 1
            i += 1
            continue
        if b < 0x80:
            kind = np.int64(classes[b]) & CLASS_MASK
            if kind in (SPACE, NEWLINE):
                count = _spaces(pieces, count, pending)
                pending = 0
                i += 1
                count = _emit(data, pieces, count, i - 1, i, False)
                if kind == NEWLINE:
                    counts[LINES] += 1
                    state[QUOTE] = _NONE
                continue
        else:
            code, _ = _decode(data, i, b)
            kind, _, _ = _properties(classes, fold, code)

        if pending > 1:
            count = _spaces(pieces, count, pending - 1)
        spaced = pending > 0
        pending = 0
        if kind in (LETTER, DIGIT):
            i, key, mask, count = _word(data, i, stop, spaced, classes, fold, counts, pieces, count)
        elif kind == SOLO:
            i, key, count = _solo(data, i, stop, spaced, classes, fold, counts, pieces, count)
            mask = key
        else:
            start = i
            i, n_masked = _marks(data, i, stop, state, classes, fold, counts, masked, n_masked)
            count = _emit(data, pieces, count, start, i, spaced)
            continue
        state[WORD_END] = i
        words[n] = key
        n += 1
        if state[QUOTE] == _NONE:
            masked[n_masked] = mask
            n_masked += 1

    if i >= stop:
        count = _spaces(pieces, count, pending)
        pending = 0
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
