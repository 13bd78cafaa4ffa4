"""Entry through education, research and start-up programmes."""

import numpy as np

from stillwatch.simulation.interface import PATHS, CampaignPlan, Rows, Tactic
from stillwatch.simulation.tactics.rubric import RUBRIC
from stillwatch.simulation.tactics.seed_sweep import SEEDS
from stillwatch.simulation.tactics.trace_elicitation import TRACE


def _enrol(rng: np.random.Generator, rows: Rows, plan: CampaignPlan) -> None:
    """Most accounts come through one programme and look verified."""
    programme = ("education", "research_programme", "startup_programme")[plan.key % 3]
    through = rng.random(len(rows)) < 0.8
    rows["path"] = np.where(through, PATHS.index(programme), rows["path"])
    rows["verified"] |= through & (rng.random(len(rows)) < 0.6)


EDUCATION_ENTRY = Tactic(
    "programme_entry", "enters through education, research or start-up programmes",
    (TRACE, SEEDS, RUBRIC),
    ("classroom", "survey_research", "shared_address", "evaluation_harness"),
    rate=(10, 40), cover=(0.2, 0.7), operate=_enrol,
)  # fmt: skip
