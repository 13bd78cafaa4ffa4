"""Low and slow: some 26 requests per account and day, most of them cover."""

from stillwatch.simulation.interface import Tactic
from stillwatch.simulation.tactics.capability_sweep import CODE
from stillwatch.simulation.tactics.seed_sweep import SEEDS
from stillwatch.simulation.tactics.trace_elicitation import TRACE

HYDRA = Tactic(
    "hydra_low_and_slow", "many accounts, few requests each, unrelated identities",
    (TRACE, SEEDS, CODE),
    ("hobby_chat", "professional_developer", "shared_address", "search_style"),
    rate=(22, 30), cover=(0.4, 0.9), shared=0.1, balanced=1.0,
)  # fmt: skip
