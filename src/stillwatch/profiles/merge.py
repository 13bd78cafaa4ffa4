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
        elif field.merge == "tally" and field.name == f"{field.group}_key":
            _merge_group(field.group, into, rows, profiles)
    _merge_samples(into, rows, profiles)


def pool(profiles: Profiles, groups: npt.NDArray[np.int64], n_groups: int) -> Profiles:
    """One merged profile per group; ``groups[i]`` is the group of ``profiles[i]``, -1 for none."""
    pooled = empty(n_groups)
    chosen = np.flatnonzero(groups >= 0)
    for start in range(0, chosen.size, 4096):
        part = chosen[start : start + 4096]
        merge(pooled, groups[part], take(profiles, part))
    return pooled


def _merge_group(
    group: str, into: Profiles, rows: npt.NDArray[np.int64], profiles: Profiles
) -> None:
    key, count, first = f"{group}_key", f"{group}_count", f"{group}_first"
    has_first = first in PROFILE.names  # type: ignore[operator]
    _merge_tally(
        into[key],
        into[count],
        into[first] if has_first else _no_times(into.size),
        rows,
        profiles[key],
        profiles[count],
        profiles[first] if has_first else _no_times(profiles.size),
    )


def _no_times(n: int) -> npt.NDArray[np.int64]:
    return np.empty((n, 0), dtype=np.int64)


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


_COMBINE = {"sum": _add, "max": _largest, "min": _smallest}


@njit(nogil=True, cache=True)
def _merge_tally(keys, counts, first, rows, keys2, counts2, first2):  # type: ignore[no-untyped-def]
    """Union of sorted key sets cut to the smallest; equal keys add counts, keep the earliest.

    Neither index can pass the end: each advances at most once per slot.
    """
    k = keys.shape[1]
    timed = first.shape[1] > 0
    new_keys = np.empty(k, np.uint64)
    new_counts = np.empty(k, np.uint32)
    new_first = np.empty(k, np.int64)
    for i in range(rows.size):
        row = rows[i]
        a = b = 0
        for slot in range(k):
            key_a, key_b = keys[row, a], keys2[i, b]
            new_keys[slot] = min(key_a, key_b)
            count = np.uint32(0)
            earliest = np.int64(2**62)
            if key_a <= key_b:
                count += counts[row, a]
                if timed:
                    earliest = min(earliest, first[row, a])
                a += 1
            if key_b <= key_a:
                count += counts2[i, b]
                if timed:
                    earliest = min(earliest, first2[i, b])
                b += 1
            new_counts[slot] = count
            new_first[slot] = earliest
        for slot in range(k):
            keys[row, slot] = new_keys[slot]
            counts[row, slot] = new_counts[slot]
            if timed:
                first[row, slot] = new_first[slot]


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
