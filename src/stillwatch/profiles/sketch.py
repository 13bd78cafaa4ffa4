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

from stillwatch.profiles.hashing import count_below, kernel, mix64
from stillwatch.profiles.scan import BLOCK

SHINGLES = 16
PADDING = np.uint32(0xFFFFFFFF)
"""Fills places for which a prompt has too few shingles."""
ENDS = 6
"""Masked words of an opening or closing."""
HEAD, HEAD_PLACES = 24, 6
TAIL, TAIL_PLACES = 16, 4

ROOM = BLOCK + 2 * SHINGLES
"""Width of the room to work in."""

# Layout of the u64 state of a prompt.
HASH, OLDER, NEWER, OPENING, RING = range(5)
SLOTS = RING + ENDS

_STEP = np.uint64(0x9FB21C651E98DF25)
_FIRST = np.uint64(0xD6E8FEB86659FD93)
_SECOND = np.uint64(0xA0761D6478BD642F)


@kernel
def _distinct(values, n, ranked, out):  # type: ignore[no-untyped-def]
    """The smallest distinct of ``values[:n]``, ascending, into ``out``; padded.

    Sorts by counting how many are smaller, which has no branches: ``values`` and ``ranked`` need
    room for n rounded up to 16.
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
    kept = 0
    for k in range(n):
        if kept < out.size and ranked[k] != PADDING:  # equal values share a rank and leave a gap
            out[kept] = ranked[k]
            kept += 1
    for k in range(kept, out.size):
        out[k] = PADDING


@kernel
def _merge_smallest(fresh, n, smallest):  # type: ignore[no-untyped-def]
    """Update the smallest distinct shingles with ``fresh[0, :n]``.

    Only values below a bound are sorted: the largest kept so far, or one that about 28 of n
    pass; if that left too few, the bound doubles. The result does not depend on the bound.
    """
    bound = smallest[SHINGLES - 1]
    if bound == PADDING and n > 28:
        bound = uint32(uint64(28 << 32) // uint64(n))
    while True:
        count = 0
        for k in range(SHINGLES):
            fresh[1, count] = smallest[k]
            count += int(smallest[k] != PADDING)
        for k in range(n):
            fresh[1, count] = fresh[0, k]
            count += int(fresh[0, k] < bound)
        _distinct(fresh[1], count, fresh[2], smallest)
        if bound >= PADDING or smallest[SHINGLES - 1] != PADDING:
            break
        bound = uint32(min(uint64(bound) * uint64(2), uint64(PADDING)))


@kernel
def add_words(words, count, before, slots, smallest, head, tail, fresh):  # type: ignore[no-untyped-def]
    """Hash ``words[:count]``, which follow ``before`` earlier ones, into the prompt's state.

    ``head`` u32 (HEAD,) and ``tail`` u32 (TAIL,) keep the first and the last shingles,
    ``smallest`` u32 (SHINGLES,) the smallest; ``fresh`` u32 (3, ROOM) is room to work in.
    """
    whole, older, newer = slots[HASH], slots[OLDER], slots[NEWER]
    n = 0
    for k in range(count):
        word = words[k]
        whole = (whole ^ word) * _STEP
        whole ^= whole >> uint64(32)
        mixed = ((older * _FIRST + newer) ^ (older >> uint64(29))) * _SECOND + word
        mixed = (mixed ^ (mixed >> uint64(32))) * _STEP
        fresh[0, n] = min(uint32(mixed >> uint64(32)), uint32(PADDING - 1))
        n += int(before + k >= 2)
        older, newer = newer, word
    slots[HASH], slots[OLDER], slots[NEWER] = whole, older, newer
    first = max(0, before - 2)  # number of the first fresh shingle
    for k in range(min(n, HEAD - first)):
        head[first + k] = fresh[0, k]
    for k in range(max(0, n - TAIL), n):
        tail[(first + k) % TAIL] = fresh[0, k]
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
    places = fresh[0]
    kept = _places(head, min(HEAD, shingles), HEAD_PLACES, places, 0, fresh)
    kept = _places(tail, TAIL, TAIL_PLACES, places, kept, fresh)
    _fill(places, kept, smallest, SHINGLES)
    _distinct(places, SHINGLES, fresh[2], out)


@kernel
def _places(shingles, n, most, places, kept, fresh):  # type: ignore[no-untyped-def]
    """Append the ``most`` smallest of ``shingles[:n]`` to ``places[:kept]``; how many there are."""
    for k in range(n):
        fresh[1, k] = shingles[k]
    best = fresh[1, 32 : 32 + most]
    _distinct(fresh[1], n, fresh[2], best)
    return _fill(places, kept, best, kept + most)


@kernel
def _fill(places, kept, candidates, most):  # type: ignore[no-untyped-def]
    """Append candidates that are not yet in ``places[:kept]`` until ``most`` are kept."""
    for k in range(candidates.size):
        if kept == most or candidates[k] == PADDING:
            break
        known = 0
        for j in range(kept):
            known += int(places[j] == candidates[k])
        if known == 0:
            places[kept] = candidates[k]
            kept += 1
    for k in range(kept, SHINGLES):
        places[k] = PADDING
    return kept
