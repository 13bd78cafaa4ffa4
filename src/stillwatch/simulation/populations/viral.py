"""People who share a prompt of the week."""

import numpy as np
import pyarrow as pa

from stillwatch.simulation.compose import casual, join, pasted, where, with_follow_ups
from stillwatch.simulation.interface import Draft, Manner, Population, Rhythm
from stillwatch.simulation.keys import mix, ranks


def _write(draft: Draft) -> pa.StringArray:
    """One of three prompts that everybody passes on, verbatim or with a personal line."""
    craze = ranks(draft.rng, len(draft), 3, 1.5).astype(np.uint64)
    text = draft.library.text("viral", mix(craze + np.uint64(draft.day // 3), 0x7A))
    personal = join(text, " ", draft.text("detail"))
    shared = where(draft.rng.random(len(draft)) < 0.4, text, personal)
    first = where(draft.rng.random(len(draft)) < 0.6, shared, draft.text("chat"))
    return casual(draft, pasted(draft, with_follow_ups(draft, first), 0.1))


VIRAL = Population(
    "viral_sharer", 4, "people who try the prompt of the week", _write,
    Rhythm(7, 0.8, (0.2, 0.8), (0.8, 1.4), ("evening", "waking"), turns=1.7),
    Manner(max_tokens=0.05, threads=0.85, stream=0.9),
)  # fmt: skip
