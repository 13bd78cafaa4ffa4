"""Researchers with surveys, and red teams."""

import pyarrow as pa

from stillwatch.simulation.compose import by_choice, join, with_follow_ups
from stillwatch.simulation.identity import AUTHORIZED
from stillwatch.simulation.interface import Draft, Manner, Population, Rhythm, Standing


def _attack_ourselves(draft: Draft) -> pa.StringArray:
    rules = ("redteam", "redteam", "sensitive", "persona")
    first = by_choice(draft.rng.integers(0, len(rules), len(draft)), rules, draft.text)
    return with_follow_ups(draft, first)


def _ask_personas(draft: Draft) -> pa.StringArray:
    """The same questionnaire put to thousands of invented respondents."""
    kind = draft.variant(97, 3)
    questions = by_choice(kind, ("survey", "survey", "sensitive"), draft.text)
    return join(draft.own("hello", 98), questions)


RED_TEAM = Population(
    "red_team", 1.5, "people who look for holes, mostly with permission", _attack_ourselves,
    Rhythm(25, 1.0, (0.3, 0.8), (0.2, 0.9), ("office", "waking", "run"), turns=1.6),
    Manner(max_tokens=0.5, threads=0.4, logprobs=0.1, reasoning=0.4, temperatures=(0, 0.7, 1, -1)),
    Standing(("office", "cloud", "vpn"), clients=("sdk", "browser"), organised=0.5,
             paths=("self_serve", "research_programme", "enterprise"),
             authorized=AUTHORIZED.index("red_teaming")),
)  # fmt: skip
SURVEY = Population(
    "survey_research", 1.3, "social scientists with questionnaires", _ask_personas,
    Rhythm(45, 0.9, (0.2, 0.7), (0.2, 1), ("run", "office", "flat")),
    Manner(max_tokens=0.7, limits=(16, 64, 256), threads=0.05, logprobs=0.35, json=0.3,
           choices=0.1, batch=0.1, stream=0.05, temperatures=(0, 0.7, 1, 1)),
    Standing(("campus", "cloud", "home"), clients=("sdk",), organised=0.4, verified=0.6,
             paths=("research_programme", "education", "self_serve")),
)  # fmt: skip
