"""A tenth of attack traffic hidden in the mixed traffic of resold accounts."""

from stillwatch.simulation.interface import Tactic
from stillwatch.simulation.tactics.capability_sweep import CODE
from stillwatch.simulation.tactics.rubric import RUBRIC
from stillwatch.simulation.tactics.seed_sweep import SEEDS

RESELLER = Tactic(
    "reseller_mix", "resold accounts with a tenth of attack traffic", (SEEDS, CODE, RUBRIC),
    ("honest_reseller",),
    rate=(60, 120), cover=(0.86, 0.9), shared=0.6,
)  # fmt: skip
