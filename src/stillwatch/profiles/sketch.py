"""What is kept of a prompt's words: its hash, its opening and closing, and a sketch of shingles.

A *shingle* is the hash of three words in a row. Accounts of one job share a scaffold, and the
scaffold stands at the head and the tail of a prompt, around a slot that may be a hundred times
longer. The smallest hashes of all shingles (MinHash, Broder 1997) would come from the slot, so
the head and the tail have reserved places in the sketch.

Rules
    * Six places for the first 24 shingles, four for the last 16, the rest for the whole prompt:
      always the smallest distinct hashes, so equal text gives equal places.
    * A prompt of one or two words has one shingle; a prompt of none has an empty sketch.
    * Opening and closing: the first and the last six words of the masked stream (see ``scan``).

>>> SHINGLES
16
"""

import numpy as np
from numba import uint32, uint64

from stillwatch.profiles.hashing import allocating_kernel, helper, kernel, mix64
from stillwatch.profiles.scan import BLOCK
from stillwatch.profiles.simd import contains, count_below, sort_16, sort_32

SHINGLES = 16
PADDING = np.uint32(0xFFFFFFFF)
"""Fills places for which a prompt has too few shingles."""
ENDS = 6
"""Masked words of an opening or closing."""
HEAD, HEAD_PLACES = 24, 6
TAIL, TAIL_PLACES = 16, 4

_PASS = 23  # shingles expected below the bound: rarely less than SHINGLES, or more than 32

ROOM = BLOCK + 2 * SHINGLES
"""Width of the room to work in."""

# Layout of the u64 state of a prompt.
HASH, OLDER, NEWER, OPENING, RING = range(5)
SLOTS = RING + ENDS

_STEP = np.uint64(0x9FB21C651E98DF25)
_FIRST = np.uint64(0xD6E8FEB86659FD93)
_SECOND = np.uint64(0xA0761D6478BD642F)


@kernel
def _rank(values, n, ranked):  # type: ignore[no-untyped-def]
    """Put ``values[:n]`` in order into ``ranked``, by counting how many are smaller: no branches.

    Equal values share a rank and leave gaps, which are padding. Returns the width of ``ranked``.
    """
    padded = (n + 15) & ~15
    for k in range(n, padded):
        values[k] = PADDING
    for k in range(padded):
        ranked[k] = PADDING
    for k in range(n):
        rank = 0
        for at in range(0, padded, 16):
            rank += count_below(values, at, values[k])
        ranked[rank] = values[k]
    return padded


@kernel
def _distinct(values, n, ranked, most, out):  # type: ignore[no-untyped-def]
    """The ``most`` smallest distinct of ``values[:n]``, ascending, into ``out`` (SHINGLES,); padded.

    ``values`` and ``ranked`` need room for n rounded up to 16, and for 32.
    """
    ordered, width = values, 32
    for k in range(n, 32):
        values[uint64(k)] = PADDING
    if n <= 16:
        sort_16(values)
        width = 16
    elif n <= 32:
        sort_32(values)
    else:
        width = _rank(values, n, ranked)
        ordered = ranked
    for k in range(SHINGLES):
        out[k] = PADDING
    kept, last = 0, PADDING
    for k in range(width):
        value = ordered[uint64(k)]
        if kept == most:
            break
        out[uint64(kept)] = value
        kept += int(value not in (last, PADDING))
        last = last if value == PADDING else value
    if kept < SHINGLES:
        out[uint64(kept)] = PADDING


@kernel
def _merge_smallest(fresh, n, smallest):  # type: ignore[no-untyped-def]
    """Update the smallest distinct shingles with ``fresh[0, :n]``.

    Only values below a bound are sorted: the largest kept so far, or one that about 23 of n
    pass; if that left too few, the bound doubles. The result does not depend on the bound.
    """
    bound = smallest[SHINGLES - 1]
    if bound == PADDING and n > _PASS:
        bound = uint32(uint64(_PASS << 32) // uint64(n))
    while True:
        count = 0
        if smallest[0] != PADDING:
            for k in range(SHINGLES):
                fresh[1, uint64(count)] = smallest[k]
                count += int(smallest[k] != PADDING)
        for k in range(n):
            value = fresh[0, uint64(k)]
            fresh[1, uint64(count)] = value
            count += int(value < bound)
        _distinct(fresh[1], count, fresh[2], SHINGLES, smallest)
        if bound >= PADDING or smallest[SHINGLES - 1] != PADDING:
            break
        bound = uint32(min(uint64(bound) * uint64(2), uint64(PADDING)))


@helper
def _shingle(older, newer, word):  # type: ignore[no-untyped-def]
    """Hash of three words in a row; never ``PADDING``."""
    mixed = ((older * _FIRST + newer) ^ (older >> uint64(29))) * _SECOND + word
    mixed = (mixed ^ (mixed >> uint64(32))) * _STEP
    return min(uint32(mixed >> uint64(32)), uint32(PADDING - 1))


@helper
def _placed(word, place):  # type: ignore[no-untyped-def]
    """What a word adds to the hash of its prompt: a sum, so that no word waits for another."""
    mixed = (word ^ (uint64(place) * _FIRST)) * _STEP
    return (mixed ^ (mixed >> uint64(32))) * _SECOND


@allocating_kernel
def shingles_of(words):  # type: ignore[no-untyped-def]
    """The shingles of a text's word hashes, in order; none for a text of one or two words."""
    out = np.empty(max(0, words.size - 2), np.uint32)
    for k in range(out.size):
        out[k] = _shingle(words[k], words[k + 1], words[k + 2])
    return out


@kernel
def add_words(words, count, before, slots, smallest, head, tail, fresh):  # type: ignore[no-untyped-def]
    """Hash ``words[:count]``, which follow ``before`` earlier ones, into the prompt's state.

    ``head`` u32 (HEAD,) and ``tail`` u32 (TAIL,) keep the first and the last shingles,
    ``smallest`` u32 (SHINGLES,) the smallest; ``fresh`` u32 (3, ROOM) is room to work in.
    The long loops are ones that the compiler can make vector instructions of.
    """
    if count == 0:
        return
    whole = slots[HASH]
    for k in range(count):
        whole += _placed(words[uint64(k)], before + k)
    shingles = fresh[0]
    n = 0
    for k in range(min(count, 2)):
        if before + k >= 2:
            newer = slots[NEWER] if k == 0 else words[0]
            shingles[n] = _shingle(slots[OLDER + k], newer, words[k])
            n += 1
    more = shingles[n:]
    for k in range(count - 2):
        at = uint64(k)
        more[at] = _shingle(words[at], words[at + uint64(1)], words[at + uint64(2)])
    n += max(0, count - 2)
    slots[HASH] = whole
    slots[OLDER] = slots[NEWER] if count == 1 else words[count - 2]
    slots[NEWER] = words[count - 1]
    first = max(0, before - 2)  # number of the first fresh shingle
    for k in range(min(n, HEAD - first)):
        head[first + k] = shingles[k]
    for k in range(max(0, n - TAIL), n):
        tail[(first + k) % TAIL] = shingles[k]
    _merge_smallest(fresh, n, smallest)


@kernel
def add_masked(masked, count, before, slots):  # type: ignore[no-untyped-def]
    """Fold ``masked[:count]``, which follow ``before`` earlier ones, into opening and closing."""
    for k in range(min(count, max(0, ENDS - before))):
        slots[OPENING] = (slots[OPENING] ^ masked[k]) * _STEP
        slots[OPENING] ^= slots[OPENING] >> uint64(32)
    for k in range(max(0, count - ENDS), count):
        slots[RING + (before + k) % ENDS] = masked[k]


@kernel
def closing_hash(slots, masked):  # type: ignore[no-untyped-def]
    """Hash of the last words, in order; ``masked`` is how many the prompt has."""
    state = uint64(0)
    for k in range(max(0, masked - ENDS), masked):
        state = (state ^ slots[RING + k % ENDS]) * _STEP
        state ^= state >> uint64(32)
    return mix64(state)


@kernel
def finish_sketch(words, slots, smallest, head, tail, fresh, out):  # type: ignore[no-untyped-def]
    """Compose the sketch of a prompt of ``words`` words into ``out`` u32 (SHINGLES,)."""
    shingles = words - 2
    if 0 < shingles <= SHINGLES:
        for k in range(SHINGLES):
            out[k] = smallest[k]
        return
    for k in range(SHINGLES):
        out[k] = PADDING
    if shingles <= 0:
        if words > 0:
            out[0] = min(uint32(mix64(slots[HASH]) >> uint64(32)), uint32(PADDING - 1))
        return
    first, last = fresh[0, :SHINGLES], fresh[0, SHINGLES : 2 * SHINGLES]
    for part, size, places, best in (
        (head, min(HEAD, shingles), HEAD_PLACES, first),
        (tail, TAIL, TAIL_PLACES, last),
    ):
        for k in range(size):
            fresh[1, k] = part[k]
        _distinct(fresh[1], size, fresh[2], places, best)
    kept = 0
    for k in range(HEAD_PLACES):
        out[uint64(kept)] = first[k]
        kept += int(first[k] != PADDING)
    for k in range(TAIL_PLACES):
        out[uint64(kept)] = last[k]
        kept += int(last[k] != PADDING and not contains(first, last[k]))
    for k in range(SHINGLES):
        value = smallest[k]
        if kept == SHINGLES:
            break
        out[uint64(kept)] = value
        kept += int(value != PADDING and not contains(first, value) and not contains(last, value))
    if kept < SHINGLES:
        out[uint64(kept)] = PADDING
    sort_16(out)
