"""Users of a popular agent framework: one system prompt over thousands of strangers."""

import pyarrow as pa

from stillwatch.simulation.compose import by_choice, pasted, with_follow_ups
from stillwatch.simulation.interface import Draft, Manner, Population, Rhythm, Standing


def _write(draft: Draft) -> pa.StringArray:
    rules = ("code.agent", "code.agent", "code.task", "office.ask")
    first = by_choice(draft.rng.integers(0, len(rules), len(draft)), rules, draft.text)
    return pasted(draft, with_follow_ups(draft, first, "code.agent"), 0.5, "snippet", 8)


FRAMEWORK = Population(
    "agent_framework", 8, "people who run a popular agent framework", _write,
    Rhythm(18, 1.0, (0.3, 0.9), (0.2, 0.8), ("office", "waking", "run"), turns=5.0, gap=12),
    Manner(max_tokens=0.8, limits=(4096, 8192, 16384), threads=0.35, tools=0.95, reasoning=0.4,
           stream=0.7, temperatures=(0, 0, 1, -1), systems=("system.framework",),
           output=(150, 900)),
    Standing(("home", "office", "cloud", "vpn"), clients=("editor", "sdk"),
             paths=("self_serve", "startup_programme"), organised=0.3, adoption=2),
)  # fmt: skip
