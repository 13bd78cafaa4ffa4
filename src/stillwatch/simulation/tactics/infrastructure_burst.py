"""A loud job: shared machines, a few hours a day."""

from stillwatch.simulation.interface import Tactic
from stillwatch.simulation.tactics.capability_sweep import CODE
from stillwatch.simulation.tactics.rubric import RUBRIC
from stillwatch.simulation.tactics.seed_sweep import SEEDS

INFRASTRUCTURE_BURST = Tactic(
    "infrastructure_burst", "shared machines, bursts of a few hours", (SEEDS, RUBRIC, CODE),
    ("templated_pipeline", "evaluation_harness", "nightly_batch", "agent_framework"),
    rate=(40, 120), cover=(0.0, 0.5), noise=(0.0, 0.2), shared=1.0,
)  # fmt: skip
