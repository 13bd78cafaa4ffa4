"""The layout of a profile: one numpy record, every field with its own rule of merging.

Rules
    * Every field is an integer (or raw bytes), so sums do not depend on the order of the log:
      merging is exactly associative and commutative, with ``identity()`` as neutral element.
    * The size is fixed: nothing grows with the number of events.
    * Only ``exemplar_text`` holds text; everything else is a hash, a count or a sum.

Merge rules
    sum     element-wise addition
    capped  element-wise addition that stops at the largest number of the type
    min     element-wise minimum
    max     element-wise maximum (HyperLogLog registers)
    sample  keeps the entries with the smallest keys; equal keys are the same event
    keys    keeps the smallest keys
    tally   keeps the entries with the smallest keys; equal keys add their counts. A key among
            the k smallest of a union is among the k smallest of every part that holds it, so
            the counts of the surviving keys are exact.

>>> PROFILE.itemsize < 12_300
True
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

VERSION = 5
"""Raised whenever a field changes; stored profiles of another version are refused."""

Merge = Literal["sum", "capped", "min", "max", "keys", "sample", "tally"]

HOURS = 504
"""Three weeks of hours; longer logs wrap. A multiple of 168, so the hour of week survives."""
SAMPLE = 64
"""Events kept as a uniform sample (smallest event hashes). A job that makes up a tenth of an account's
traffic leaves about six of them, enough to find its scaffold."""
SKETCH = 16
"""Shingle hashes kept per sampled event."""
EXEMPLARS = 3
EXEMPLAR_BYTES = 354
LONG_PROMPT = 12
"""Words from which equal prompts of two accounts are no accident ("hi" is shared by all)."""
FEATURES = 128
TOPICS = 64
FAMILIES = 64
SCRIPTS = 8
BINS = 24
"""Half-octave bins of a size histogram: bin b holds values in [2^(b/2), 2^((b+1)/2))."""
EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)
"""Key of an unused slot; sorts last."""
NO_SHINGLE = np.uint32(0xFFFFFFFF)
"""Padding of a shingle sketch; sorts last."""
NEVER = np.int64(2**62)
FOURIER_UNIT = 1 << 12
"""Fixed-point scale of the Fourier features."""


OBSERVED = (
    "end_user_id", "conversation_id", "turn", "operation",
    "system_prompt", "input_tokens", "output_tokens", "max_tokens", "temperature", "top_p",
    "choices", "logprobs", "reasoning", "response_format", "tools", "stream", "finish_reason",
    "client_ip", "asn", "user_agent", "tls_fingerprint",
)  # fmt: skip
"""Optional columns whose presence is counted per event, in this order."""

MARKS = (
    "first_turn", "batch", "greedy", "hot", "many_choices", "logprobs", "reasoning", "json",
    "tools", "stream", "cut_at_length", "rides_max_tokens",
)  # fmt: skip
"""Yes/no properties of a request that are counted, in this order."""

KEYS: tuple[tuple[str, int], ...] = (
    ("prompts", 32),  # long ones only, see LONG_PROMPT
    ("addresses", 8),
    ("networks", 8),
    ("tls", 4),
    ("agents", 4),
    ("systems", 4),
)
"""Sets of hashed keys: name and number of slots."""

DISTINCT: tuple[tuple[str, int], ...] = (
    ("conversations", 64),
    ("networks", 64),
)
"""HyperLogLog counters: name and number of registers."""

MODELS = 8
HOURLY = (1 << 16) - 1
"""Most requests of an hour that are counted, see ``by_hour``."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the record."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    merge: Merge
    meaning: str


def _scalars() -> tuple[Field, ...]:
    return (
        Field("events", "i8", (), "sum", "requests"),
        Field("first_seen", "i8", (), "min", "earliest request, microseconds since 1970 UTC"),
        Field("last_seen", "i8", (), "max", "latest request"),
        Field("input_tokens", "i8", (), "sum", "tokens in, where observed"),
        Field("output_tokens", "i8", (), "sum", "tokens out, where observed"),
        Field("words", "i8", (), "sum", "words of all prompts"),
        Field("digits", "i8", (), "sum", "digits of all prompts"),
        Field("symbols", "i8", (), "sum", "punctuation and brackets of all prompts"),
        Field("lines", "i8", (), "sum", "lines of all prompts"),
    )


def _vectors() -> tuple[Field, ...]:
    return (
        Field("observed", "u4", (len(OBSERVED),), "sum", "events in which a column was present"),
        Field("marks", "u4", (len(MARKS),), "sum", "events that carry a mark"),
        Field("by_hour", "u2", (HOURS,), "capped", "requests by hour since 1970, modulo 504"),
        Field("output_hist", "u4", (BINS,), "sum", "output tokens"),
        Field("scripts", "u4", (SCRIPTS,), "sum", "prompts by dominant script"),
        Field("families", "u4", (FAMILIES,), "sum", "prompts in which a phrase family occurs"),
        Field("topics", "u4", (TOPICS,), "sum", "prompts by topic cell"),
        Field("fourier", "i8", (FEATURES,), "sum", "sum of Fourier features, 2^-12"),
        *(Field(f"{n}_hll", "u1", (m,), "max", f"distinct {n}") for n, m in DISTINCT),
    )


def _keyed() -> tuple[Field, ...]:
    return (
        *(Field(f"{n}_key", "u8", (k,), "keys", f"hashed {n}, smallest first") for n, k in KEYS),
        Field("models_key", "u8", (MODELS,), "tally", "hashed model names"),
        Field("models_count", "u4", (MODELS,), "tally", "requests to each model"),
        Field("models_first", "i8", (MODELS,), "tally", "first request to each model"),
        Field("sample_key", "u8", (SAMPLE,), "sample", "event hash, smallest first"),
        Field("sample_time", "i8", (SAMPLE,), "sample", "microseconds since 1970"),
        Field("sample_families", "u8", (SAMPLE,), "sample", "phrase family bits"),
        Field("sample_prompt", "u4", (SAMPLE,), "sample", "prompt hash"),
        Field("sample_template", "u4", (SAMPLE,), "sample", "opening hash"),
        Field("sample_closing", "u4", (SAMPLE,), "sample", "closing hash"),
        Field("sample_words", "i4", (SAMPLE,), "sample", "words"),
        Field("sample_output", "i4", (SAMPLE,), "sample", "output tokens, -1 unknown"),
        Field("sample_topic", "u2", (SAMPLE,), "sample", "fine topic code"),
        Field("sample_style", "u4", (SAMPLE,), "sample", "hash of the settings"),
        Field("sample_system", "u4", (SAMPLE,), "sample", "hash of the system prompt"),
        Field("sample_shingles", "u4", (SAMPLE, SKETCH), "sample", "MinHash sketch"),
        Field("exemplar_size", "u2", (EXEMPLARS,), "sample", "bytes of text kept"),
        Field(
            "exemplar_text",
            "u1",
            (EXEMPLARS, EXEMPLAR_BYTES),
            "sample",
            "text of the first sampled events, UTF-8, cut; the only raw text of a profile",
        ),
    )


FIELDS: tuple[Field, ...] = (*_scalars(), *_vectors(), *_keyed())


def _wide_first(field: Field) -> int:
    return -np.dtype(field.dtype).itemsize


PROFILE = np.dtype(
    [(f.name, f.dtype, f.shape) for f in sorted(FIELDS, key=_wide_first)], align=True
)
"""The record. Widest fields first, so that all are aligned and no byte is padding."""


def identity() -> np.ndarray:
    """The neutral element of ``merge``: a 0-d record array of dtype ``PROFILE``."""
    record = np.zeros((), dtype=PROFILE)
    for field in FIELDS:
        if field.name.endswith("_key"):
            record[field.name] = EMPTY
        elif field.name == "sample_shingles":
            record[field.name] = NO_SHINGLE
        elif field.merge == "min" or field.name == "models_first":
            record[field.name] = NEVER
    record["last_seen"] = -NEVER
    return record
