"""Word hashes and pieces, built while the text is walked: the leaves of ``scan``.

A *word hash* grows by folded bytes, eight at a time, so that it does not matter in how many steps
they come. A *piece* is a stretch of raw text that has a token vector (see ``words``); it is kept
as a hash of its bytes and where it stands, not as text.
"""

import numpy as np
from numba import uint8, uint64

from stillwatch.profiles.hashing import helper, kernel, load_bytes, load_word, mix64, trailing_zeros
from stillwatch.profiles.simd import letter_mask
from stillwatch.profiles.unicode import (
    CLASS_MASK,
    DIGIT,
    IGNORED,
    NEWLINE,
    SPACE,
    SYMBOL,
    decode,
    properties,
)

PIECES = 4096
"""Entries of a piece buffer."""
PIECE = 48
"""Most bytes of a piece, checked before each character (of at most four bytes)."""
FIXED = 272
"""Pieces whose key is a row number, with size 0: 0-127 an ASCII character, 128-255 the same after
a space, 256 + n a run of n + 1 spaces. All other keys are hashes."""
_SPACES = 16  # spaces per piece
_MOST_SPACES = 64  # a longer run counts as this many

SEED = np.uint64(0x8EBC6AF09C88C6E3)
"""Word hash of no bytes."""
_RAW = np.uint64(0x589965CC75374CC3)
_DIGITS = np.uint64(ord("#"))  # what a run of digits is read as
_STEP = np.uint64(0x9FB21C651E98DF25)

# Bytes of a word of eight, for the test "which of eight bytes are letters".
_HIGH = np.uint64(0x8080808080808080)
_LOW = np.uint64(0x7F7F7F7F7F7F7F7F)
_CASE = np.uint64(0x2020202020202020)
_FROM_A = np.uint64(0x1F1F1F1F1F1F1F1F)  # 0x80 - "a"
_PAST_Z = np.uint64(0x0505050505050505)  # 0x80 - "z" - 1
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


@helper
def letter_run(data, i, end):  # type: ignore[no-untyped-def]
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


@helper
def _next(state, block):  # type: ignore[no-untyped-def]
    """A hash after eight more bytes."""
    state = (state ^ block) * _STEP
    return state ^ (state >> uint64(32))


@helper
def append(state, block, filled, text, size):  # type: ignore[no-untyped-def]
    """Append ``size`` (1 to 8) bytes to a word hash that holds ``filled`` (0 to 7) in ``block``."""
    shift = uint64(8 * filled)
    block |= text << shift
    filled += size
    if filled >= 8:
        state = _next(state, block)
        block = (text >> uint64(1)) >> (uint64(63) - shift)
        filled -= 8
    return state, block, filled


@helper
def append_folded(state, block, filled, code):  # type: ignore[no-untyped-def]
    """Append a folded code point: one byte if ASCII, else three of seven bits each."""
    if code < uint64(0x80):
        return append(state, block, filled, code, 1)
    spread = code & uint64(0x7F) | (code << uint64(1)) & uint64(0x7F00)
    spread |= (code << uint64(2)) & uint64(0x7F0000)
    return append(state, block, filled, spread | uint64(0x808080), 3)


@helper
def close_word(state, block):  # type: ignore[no-untyped-def]
    """The finished hash of a word."""
    return mix64((state ^ block) * _STEP)


@kernel
def spaces(pieces, count, run):  # type: ignore[no-untyped-def]
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
def emit(data, pieces, count, start, stop, spaced):  # type: ignore[no-untyped-def]
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
    while stop - i >= 8:
        key = _next(key, load_bytes(data, i, 8))
        i += 8
    rest = load_bytes(data, i, stop - i) if i < stop else uint64(0)
    pieces[count, 0] = close_word(key, rest)
    pieces[count, 1] = uint64(start)
    pieces[count, 2] = tagged
    return count + 1


@helper
def _below(count):  # type: ignore[no-untyped-def]
    """Mask of the lowest ``count`` (0 to 7) bytes."""
    return (uint64(1) << uint64(8 * count)) - uint64(1)


@helper
def plain_word(data, start, size, spaced, pieces, count):  # type: ignore[no-untyped-def]
    """Hash of a word of 1 to ``PIECE`` ASCII letters, which is also emitted as a piece.

    The same as ``append`` and ``emit`` give, eight bytes at a time for both. Words of less than
    16 letters, nearly all, take no branch that depends on their length: where words end is
    what a processor cannot predict. ``data[start:start + 16]`` must exist.
    """
    tagged = uint64(size) | uint64(spaced) << uint64(8)
    key = _RAW ^ (tagged << uint64(32))
    state = SEED
    i = start
    left = size
    while left >= 16:
        raw = load_bytes(data, i, 8)
        key = _next(key, raw)
        state = _next(state, raw | _CASE)
        i += 8
        left -= 8
    first, second = load_word(data, i), load_word(data, i + 8)
    long = left >= 8
    key = _next(key, first) if long else key
    state = _next(state, first | _CASE) if long else state
    mask = _below(left & 7)
    raw = (second if long else first) & mask
    single = size == 1  # has a fixed row, see ``FIXED``
    fixed = uint64(data[uint64(start)]) | uint64(spaced) << uint64(7)
    row = uint64(count)
    pieces[row, 0] = fixed if single else close_word(key, raw)
    pieces[row, 1] = uint64(start)
    pieces[row, 2] = uint64(0) if single else tagged
    return close_word(state, raw | _CASE & mask)


@helper
def plain_end(data, i, stop, classes, window, letters):  # type: ignore[no-untyped-def]
    """Where a word of nothing but ASCII letters that begins at ``i`` ends; ``i`` if it is none.

    ``letters`` is the mask of the 64 bytes from ``window`` on. Found by it, the end of one word
    need not wait for the text of the word before. Most words are of this kind.
    """
    if i + 64 > data.size:
        return i, window, letters
    if i >= window + 64 or ~letters >> uint64(i - window) == 0:
        window, letters = i, letter_mask(data, i)
    size = np.int64(trailing_zeros(~letters >> uint64(i - window)))
    if size > PIECE:
        return i, window, letters
    end = min(i + size, stop)
    if end < stop and data[uint64(end)] != 0x20:
        after = data[uint64(end)]
        kind = classes[after & 0x7F] & CLASS_MASK
        if after >= 0x80 or kind not in (SPACE, SYMBOL, NEWLINE):
            return i, window, letters
    return end, window, letters


@helper
def another_word(data, i, stop):  # type: ignore[no-untyped-def]
    """Whether one space and then an ASCII letter stand at ``i``."""
    if i + 1 >= stop or data[uint64(i)] != 0x20:
        return False
    return uint8((data[uint64(i + 1)] | uint8(0x20)) - uint8(0x61)) < 26


@kernel
def masked_word(data, i, stop, classes, fold):  # type: ignore[no-untyped-def]
    """Hash of the word ``data[i:stop]`` with every run of digits read as one mark."""
    state, block, filled = SEED, uint64(0), 0
    after_digit = False
    while i < stop:
        b = np.int64(data[i])
        code, size = (b, 1) if b < 0x80 else decode(data, i, b)
        kind, _, folded = properties(classes, fold, code)
        i += size
        if kind == IGNORED:
            continue
        if kind == DIGIT:
            if after_digit:
                continue
            folded = _DIGITS
        state, block, filled = append_folded(state, block, filled, folded)
        after_digit = kind == DIGIT
    return close_word(state, block)
