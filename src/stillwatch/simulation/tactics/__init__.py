"""Hostile tactics: what campaigns want, and how they work.

Six files describe an objective (what is extracted), six a way of operating (how accounts are
run); the latter borrow the objectives of the former. ``TACTICS`` is the register; objectives and
operations alternate in it, because a small world takes only a few in a row.
"""

from stillwatch.simulation.interface import Tactic
from stillwatch.simulation.tactics.ban_evasion import BAN_EVASION
from stillwatch.simulation.tactics.capability_sweep import CAPABILITY_SWEEP
from stillwatch.simulation.tactics.education_entry import EDUCATION_ENTRY
from stillwatch.simulation.tactics.hydra import HYDRA
from stillwatch.simulation.tactics.infrastructure_burst import INFRASTRUCTURE_BURST
from stillwatch.simulation.tactics.multilingual import MULTILINGUAL_SWEEP
from stillwatch.simulation.tactics.release_pivot import RELEASE_PIVOT
from stillwatch.simulation.tactics.reseller import RESELLER
from stillwatch.simulation.tactics.rubric import RUBRIC_GRADER
from stillwatch.simulation.tactics.seed_sweep import SEED_SWEEP
from stillwatch.simulation.tactics.sensitive_rewrite import SENSITIVE_REWRITE
from stillwatch.simulation.tactics.trace_elicitation import TRACE_ELICITATION

TACTICS: tuple[Tactic, ...] = (
    HYDRA,
    TRACE_ELICITATION,
    RELEASE_PIVOT,
    SEED_SWEEP,
    RESELLER,
    CAPABILITY_SWEEP,
    BAN_EVASION,
    RUBRIC_GRADER,
    EDUCATION_ENTRY,
    SENSITIVE_REWRITE,
    INFRASTRUCTURE_BURST,
    MULTILINGUAL_SWEEP,
)
"""All tactics."""
