"""The fold: adds a batch of measured events to the profiles of their accounts, in place.

This is where "one pass" ends: after it, nothing of the events remains but the profiles.
Every update is a sum, a minimum, a maximum or a smallest-keys set (see ``fields``), so the
order of events, batches and workers does not matter.
"""

import math

import numpy as np
from numba import njit

from stillwatch.profiles.fields import (
    BINS,
    FEATURES,
    HOURLY,
    HOURS,
    LONG_PROMPT,
    MODELS,
    SKETCH,
    TOPICS,
)
from stillwatch.profiles.hashing import mix64, trailing_zeros
from stillwatch.profiles.sample import keep_text, sample_slot

_HOUR_US = 3_600_000_000


@njit(nogil=True, cache=True, inline="always")
def _bin(value: int) -> int:
    """Half-octave bin of a size; 0 and 1 share the first."""
    if value <= 1:
        return 0
    return min(BINS - 1, int(2.0 * math.log2(value)))


@njit(nogil=True, cache=True)
def _count_distinct(registers: np.ndarray, key: int) -> None:
    """HyperLogLog update (Flajolet et al. 2007): the longest run of zeros per register."""
    mixed = mix64(np.uint64(key))
    register = mixed & np.uint64(registers.size - 1)
    rank = 1 + trailing_zeros(mixed >> np.uint64(16) | np.uint64(1 << 47))
    registers[register] = max(registers[register], rank)


@njit(nogil=True, cache=True)
def _keep(keys: np.ndarray, key: int) -> None:
    """Add ``key`` if it is new and among the smallest."""
    last = keys.size - 1
    if key >= keys[last]:
        return
    slot = 0
    while keys[slot] < key:
        slot += 1
    if keys[slot] == key:
        return
    for j in range(last, slot, -1):
        keys[j] = keys[j - 1]
    keys[slot] = key


@njit(nogil=True, cache=True)
def _count_model(profile, key: int, time: int) -> None:  # type: ignore[no-untyped-def]
    """Count a model, if its key is among the smallest, and remember its first use."""
    last = MODELS - 1
    if key > profile.models_key[last]:
        return
    slot = 0
    while profile.models_key[slot] < key:
        slot += 1
    if profile.models_key[slot] == key:
        profile.models_count[slot] += 1
        profile.models_first[slot] = min(profile.models_first[slot], time)
        return
    for j in range(last, slot, -1):
        profile.models_key[j] = profile.models_key[j - 1]
        profile.models_count[j] = profile.models_count[j - 1]
        profile.models_first[j] = profile.models_first[j - 1]
    profile.models_key[slot] = key
    profile.models_count[slot] = 1
    profile.models_first[slot] = time


@njit(nogil=True, cache=True)
def _add_mask(counters: np.ndarray, bits: int) -> None:
    for i in range(counters.size):
        counters[i] += np.uint32(bits) >> np.uint32(i) & np.uint32(1)


@njit(nogil=True, cache=True)
def _add_bits(counters: np.ndarray, bits: int) -> None:
    """The same for a mask of which few bits are set."""
    rest = np.uint64(bits)
    while rest:
        counters[trailing_zeros(rest)] += np.uint32(1)
        rest &= rest - np.uint64(1)


@njit(nogil=True, cache=True)
def fold(  # type: ignore[no-untyped-def]
    table,
    limits,
    rows,
    keys,
    times,
    observed,
    marks,
    hashes,
    tokens,
    styles,
    data,
    offsets,
    prompt,
    template,
    closing,
    words,
    lines,
    digits,
    symbols,
    script,
    families,
    shingles,
    topic,
    fourier,
) -> None:
    """Add n events to ``table[rows[i]]``; array shapes as in ``Requests`` and ``TextFeatures``.

    Leaves samples in no order: ``limits`` and what must follow are told in ``sample``.
    """
    for i in range(rows.size):
        p = table[rows[i]]
        time = times[i]
        p.events += 1
        p.first_seen = min(p.first_seen, time)
        p.last_seen = max(p.last_seen, time)
        hour = (time // _HOUR_US) % HOURS
        p.by_hour[hour] += np.uint16(p.by_hour[hour] < HOURLY)
        _add_mask(p.observed, observed[i])
        _add_mask(p.marks, marks[i])

        if tokens[i, 0] >= 0:
            p.input_tokens += tokens[i, 0]
        if tokens[i, 1] >= 0:
            p.output_tokens += tokens[i, 1]
            p.output_hist[_bin(tokens[i, 1])] += 1

        p.words += words[i]
        p.lines += lines[i]
        p.digits += digits[i]
        p.symbols += symbols[i]
        p.scripts[script[i]] += 1
        p.topics[topic[i] & (TOPICS - 1)] += 1
        _add_bits(p.families, families[i])
        for d in range(FEATURES):
            p.fourier[d] += fourier[i, d]

        if words[i] >= LONG_PROMPT:
            _keep(p.prompts_key, prompt[i])

        if hashes[i, 0]:
            _count_model(p, hashes[i, 0], time)
        if hashes[i, 1]:
            _count_distinct(p.conversations_hll, hashes[i, 1])
        if hashes[i, 2]:
            _keep(p.addresses_key, hashes[i, 2])
            _count_distinct(p.networks_hll, hashes[i, 6])
            _keep(p.networks_key, hashes[i, 6])
        if hashes[i, 3]:
            _keep(p.tls_key, hashes[i, 3])
        if hashes[i, 4]:
            _keep(p.agents_key, hashes[i, 4])
        if hashes[i, 5]:
            _keep(p.systems_key, hashes[i, 5])

        if keys[i] >= limits[rows[i], 0]:
            continue
        slot = sample_slot(p, limits[rows[i]], keys[i])
        if slot < 0:
            continue
        keep_text(p, limits[rows[i]], keys[i], data, offsets[i], offsets[i + 1])
        p.sample_time[slot] = time
        p.sample_families[slot] = families[i]
        p.sample_prompt[slot] = prompt[i]
        p.sample_template[slot] = template[i]
        p.sample_closing[slot] = closing[i]
        p.sample_words[slot] = words[i]
        p.sample_output[slot] = tokens[i, 1]
        p.sample_topic[slot] = topic[i]
        p.sample_style[slot] = styles[i]
        p.sample_system[slot] = hashes[i, 5]
        for s in range(SKETCH):
            p.sample_shingles[slot, s] = shingles[i, s]
