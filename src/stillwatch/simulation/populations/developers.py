"""Professional developers: editor assistants and scripts, many follow-ups."""

import pyarrow as pa

from stillwatch.simulation.compose import by_choice, casual, pasted, with_follow_ups
from stillwatch.simulation.interface import Draft, Manner, Population, Rhythm, Standing


def _write(draft: Draft) -> pa.StringArray:
    rules = ("code.ask", "code.ask", "code.ask", "code.task", "office.ask")
    first = by_choice(draft.rng.integers(0, len(rules), len(draft)), rules, draft.text)
    asked = with_follow_ups(draft, first, "code.follow_up")
    return pasted(draft, casual(draft, asked), 0.3, "snippet", 8)


DEVELOPER = Population(
    "professional_developer", 14, "developers with an assistant in the editor", _write,
    Rhythm(16, 1.0, (0.5, 0.95), (0.1, 0.6), ("office", "office", "waking"), turns=3.0, gap=90),
    Manner(max_tokens=0.45, threads=0.5, tools=0.4, reasoning=0.35, stream=0.8,
           temperatures=(-1, 0, 0.2, 1), systems=("", "system.plain", "system.framework"),
           output=(150, 700)),
    Standing(("home", "office", "vpn", "cloud"), clients=("editor", "editor", "sdk"),
             paths=("self_serve", "enterprise", "startup_programme"), organised=0.5,
             shared_card=0.1, adoption=3),
)  # fmt: skip
