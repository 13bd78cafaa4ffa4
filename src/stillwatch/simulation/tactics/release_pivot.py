"""Moving to a new model within a day of its release."""

from stillwatch.simulation.interface import Tactic
from stillwatch.simulation.tactics.capability_sweep import CODE
from stillwatch.simulation.tactics.trace_elicitation import TRACE

RELEASE_PIVOT = Tactic(
    "release_pivot", "turns to the new model within 24 hours", (CODE, TRACE),
    ("professional_developer", "agent_framework", "release_stampede"),
    rate=(12, 45),
)  # fmt: skip
