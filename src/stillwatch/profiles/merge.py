"""Merging: profiles plus profiles, field by field, driven by the rules in ``fields``.

``merge(into, rows, profiles)`` adds ``profiles[i]`` to ``into[rows[i]]``. Rows may repeat:
pooling the accounts of a campaign into one profile is the same call as adding yesterday's
profiles to today's.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from stillwatch.profiles.fields import (
    EXEMPLAR_BYTES,
    EXEMPLARS,
    FIELDS,
    HOURLY,
    MODELS,
    NEVER,
    PROFILE,
    SAMPLE,
    SKETCH,
    identity,
)

Profiles = npt.NDArray[np.void]
"""Array of records of dtype ``PROFILE``."""


def empty(n: int) -> Profiles:
    """``n`` identity profiles."""
    profiles = np.empty(n, dtype=PROFILE)
    as_bytes(profiles)[:] = as_bytes(identity().reshape(1))
    return profiles


def as_bytes(profiles: Profiles) -> npt.NDArray[np.uint8]:
    """The records as rows of bytes, shape (n, record size), without a copy.

    numpy assigns records field by field, which is twenty times slower than moving bytes.
    """
    return profiles.view(np.uint8).reshape(profiles.size, PROFILE.itemsize)


def take(profiles: Profiles, rows: npt.NDArray[np.int64]) -> Profiles:
    """``profiles[rows]``, moved as bytes (see ``as_bytes``)."""
    return as_bytes(profiles)[rows].view(PROFILE).reshape(rows.size)


def merge(into: Profiles, rows: npt.NDArray[np.int64], profiles: Profiles) -> None:
    """Add ``profiles[i]`` to ``into[rows[i]]`` in place; associative and commutative."""
    for field in FIELDS:
        if field.merge in _COMBINE:
            mine, theirs = into[field.name], profiles[field.name]
            if not field.shape:
                mine, theirs = mine[:, None], theirs[:, None]
            _COMBINE[field.merge](mine, rows, theirs)
    _merge_models(into, rows, profiles)
    _merge_samples(into, rows, profiles)


def pool(profiles: Profiles, groups: npt.NDArray[np.int64], n_groups: int) -> Profiles:
    """One merged profile per group; ``groups[i]`` is the group of ``profiles[i]``, -1 for none."""
    pooled = empty(n_groups)
    chosen = np.flatnonzero(groups >= 0)
    for start in range(0, chosen.size, 4096):
        part = chosen[start : start + 4096]
        merge(pooled, groups[part], take(profiles, part))
    return pooled


@njit(nogil=True, cache=True)
def _add(into, rows, values):  # type: ignore[no-untyped-def]
    for i in range(rows.size):
        for j in range(values.shape[1]):
            into[rows[i], j] += values[i, j]


@njit(nogil=True, cache=True)
def _largest(into, rows, values):  # type: ignore[no-untyped-def]
    for i in range(rows.size):
        for j in range(values.shape[1]):
            into[rows[i], j] = max(into[rows[i], j], values[i, j])


@njit(nogil=True, cache=True)
def _smallest(into, rows, values):  # type: ignore[no-untyped-def]
    for i in range(rows.size):
        for j in range(values.shape[1]):
            into[rows[i], j] = min(into[rows[i], j], values[i, j])


@njit(nogil=True, cache=True)
def _add_capped(into, rows, values):  # type: ignore[no-untyped-def]
    for i in range(rows.size):
        for j in range(values.shape[1]):
            into[rows[i], j] = min(np.int64(into[rows[i], j]) + np.int64(values[i, j]), HOURLY)


@njit(nogil=True, cache=True)
def _smallest_keys(into, rows, values):  # type: ignore[no-untyped-def]
    """Union of sorted key sets cut to the smallest."""
    k = into.shape[1]
    union = np.empty(k, np.uint64)
    for i in range(rows.size):
        mine, theirs = into[rows[i]], values[i]
        a = b = 0
        for slot in range(k):
            key_a, key_b = mine[a], theirs[b]
            union[slot] = min(key_a, key_b)
            a += key_a <= key_b
            b += key_b <= key_a
        mine[:] = union


_COMBINE = {
    "sum": _add,
    "capped": _add_capped,
    "max": _largest,
    "min": _smallest,
    "keys": _smallest_keys,
}


@njit(nogil=True, cache=True)
def _merge_models(into, rows, profiles):  # type: ignore[no-untyped-def]
    """Union of two tallies cut to the smallest keys; equal keys add counts, keep the earliest.

    Neither index can pass the end: each advances at most once per slot.
    """
    keys = np.empty(MODELS, np.uint64)
    counts = np.empty(MODELS, np.uint32)
    first = np.empty(MODELS, np.int64)
    for i in range(rows.size):
        mine, theirs = into[rows[i]], profiles[i]
        a = b = 0
        for slot in range(MODELS):
            key_a, key_b = mine.models_key[a], theirs.models_key[b]
            keys[slot] = min(key_a, key_b)
            counts[slot] = 0
            first[slot] = NEVER
            if key_a <= key_b:
                counts[slot] += mine.models_count[a]
                first[slot] = min(first[slot], mine.models_first[a])
                a += 1
            if key_b <= key_a:
                counts[slot] += theirs.models_count[b]
                first[slot] = min(first[slot], theirs.models_first[b])
                b += 1
        mine.models_key[:] = keys
        mine.models_count[:] = counts
        mine.models_first[:] = first


@njit(nogil=True, cache=True)
def copy_event(source, j, target, slot):  # type: ignore[no-untyped-def]
    """Copy one sampled event from ``source`` to ``target``."""
    target.sample_key[slot] = source.sample_key[j]
    target.sample_time[slot] = source.sample_time[j]
    target.sample_families[slot] = source.sample_families[j]
    target.sample_prompt[slot] = source.sample_prompt[j]
    target.sample_template[slot] = source.sample_template[j]
    target.sample_closing[slot] = source.sample_closing[j]
    target.sample_words[slot] = source.sample_words[j]
    target.sample_output[slot] = source.sample_output[j]
    target.sample_topic[slot] = source.sample_topic[j]
    target.sample_style[slot] = source.sample_style[j]
    target.sample_system[slot] = source.sample_system[j]
    for s in range(SKETCH):
        target.sample_shingles[slot, s] = source.sample_shingles[j, s]


@njit(nogil=True, cache=True)
def copy_text(source, j, target, slot):  # type: ignore[no-untyped-def]
    """Copy one exemplar from ``source`` to ``target``."""
    target.exemplar_size[slot] = source.exemplar_size[j]
    for b in range(EXEMPLAR_BYTES):
        target.exemplar_text[slot, b] = source.exemplar_text[j, b]


@njit(nogil=True, cache=True)
def _copy_entry(source, j, target, slot):  # type: ignore[no-untyped-def]
    copy_event(source, j, target, slot)
    if slot < EXEMPLARS:  # then j <= slot, so the text is there
        copy_text(source, j, target, slot)


@njit(nogil=True, cache=True)
def _merge_samples(into, rows, profiles):  # type: ignore[no-untyped-def]
    """Union of two samples by key, smallest first; the same event in both is kept once."""
    from_a = np.empty(SAMPLE, np.bool_)
    entry = np.empty(SAMPLE, np.int64)
    for i in range(rows.size):
        mine, theirs = into[rows[i]], profiles[i]
        a = b = 0
        for slot in range(SAMPLE):
            key_a, key_b = mine.sample_key[a], theirs.sample_key[b]
            from_a[slot] = key_a <= key_b
            entry[slot] = a if key_a <= key_b else b
            if key_a <= key_b:
                a += 1
            if key_b <= key_a:
                b += 1
        # Entries only ever move towards the end, so writing backwards needs no copy.
        for back in range(SAMPLE):
            slot = SAMPLE - 1 - back
            if from_a[slot]:
                if entry[slot] != slot:
                    _copy_entry(mine, entry[slot], mine, slot)
            else:
                _copy_entry(theirs, entry[slot], mine, slot)
