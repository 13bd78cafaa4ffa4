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
from numba import njit, uint32, uint64

from stillwatch.profiles.hashing import mix64

SHINGLES = 16
PADDING = np.uint32(0xFFFFFFFF)
"""Fills places for which a prompt has too few shingles."""
ENDS = 6
"""Masked words of an opening or closing."""
HEAD, HEAD_PLACES = 24, 6
TAIL, TAIL_PLACES = 16, 4

# Layout of the u64 state of a prompt.
HASH, OLDER, NEWER, OPENING, RING = range(5)
SLOTS = RING + ENDS

_STEP = np.uint64(0x9FB21C651E98DF25)
_FIRST = np.uint64(0xD6E8FEB86659FD93)
_SECOND = np.uint64(0xA0761D6478BD642F)


@njit(nogil=True, cache=True, inline="always")
def keep_smallest(keys, size, key):  # type: ignore[no-untyped-def]
    """Insert ``key`` among the ``size`` smallest distinct ``keys``, ascending."""
    if key < keys[size - 1]:
        slot = size - 1
        while slot > 0 and keys[slot - 1] > key:
            slot -= 1
        if slot == 0 or keys[slot - 1] != key:
            for j in range(size - 1, slot, -1):
                keys[j] = keys[j - 1]
            keys[slot] = key


@njit(nogil=True, cache=True)
def add_words(words, count, before, slots, smallest, head, tail):  # type: ignore[no-untyped-def]
    """Hash ``words[:count]``, which follow ``before`` earlier ones, into the prompt's state."""
    whole, older, newer = slots[HASH], slots[OLDER], slots[NEWER]
    for k in range(count):
        word = words[k]
        whole = (whole ^ word) * _STEP
        whole ^= whole >> uint64(32)
        at = before + k - 2
        if at >= 0:
            mixed = ((older * _FIRST + newer) ^ (older >> uint64(29))) * _SECOND + word
            mixed = (mixed ^ (mixed >> uint64(32))) * _STEP
            shingle = min(uint32(mixed >> uint64(32)), uint32(PADDING - 1))
            tail[at % TAIL] = shingle
            if at < HEAD:
                keep_smallest(head, HEAD_PLACES, shingle)
            keep_smallest(smallest, SHINGLES, shingle)
        older, newer = newer, word
    slots[HASH], slots[OLDER], slots[NEWER] = whole, older, newer


@njit(nogil=True, cache=True)
def add_masked(masked, count, before, slots):  # type: ignore[no-untyped-def]
    """Fold ``masked[:count]``, which follow ``before`` earlier ones, into opening and closing."""
    for k in range(min(count, max(0, ENDS - before))):
        slots[OPENING] = (slots[OPENING] ^ masked[k]) * _STEP
        slots[OPENING] ^= slots[OPENING] >> uint64(32)
    for k in range(max(0, count - ENDS), count):
        slots[RING + (before + k) % ENDS] = masked[k]


@njit(nogil=True, cache=True)
def closing_hash(slots, masked):  # type: ignore[no-untyped-def]
    """Hash of the last words, in order; ``masked`` is how many the prompt has."""
    state = uint64(0)
    for k in range(max(0, masked - ENDS), masked):
        state = (state ^ slots[RING + k % ENDS]) * _STEP
        state ^= state >> uint64(32)
    return mix64(state)


@njit(nogil=True, cache=True)
def finish_sketch(words, slots, smallest, head, tail, out):  # type: ignore[no-untyped-def]
    """Compose the sketch of a prompt of ``words`` words into ``out`` u32 (SHINGLES,)."""
    out[:] = PADDING
    if words == 0:
        return
    shingles = words - 2
    if shingles <= 0:
        mixed = mix64(slots[HASH])
        out[0] = min(uint32(mixed >> uint64(32)), uint32(PADDING - 1))
        return
    if shingles <= SHINGLES:
        out[:] = smallest
        return
    last = np.full(TAIL_PLACES, PADDING, dtype=np.uint32)
    for k in range(min(TAIL, shingles)):
        keep_smallest(last, TAIL_PLACES, tail[k])
    kept = _fill(out, 0, head, HEAD_PLACES)
    kept = _fill(out, kept, last, kept + TAIL_PLACES)
    kept = _fill(out, kept, smallest, SHINGLES)
    out.sort()


@njit(nogil=True, cache=True)
def _fill(out, kept, candidates, most):  # type: ignore[no-untyped-def]
    """Append candidates that are not yet in ``out[:kept]`` until ``most`` are kept."""
    for k in range(candidates.size):
        if kept == most or candidates[k] == PADDING:
            break
        new = True
        for j in range(kept):
            new &= out[j] != candidates[k]
        if new:
            out[kept] = candidates[k]
            kept += 1
    return kept
