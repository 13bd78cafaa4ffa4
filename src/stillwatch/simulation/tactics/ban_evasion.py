"""Accounts that are banned, and successors that take over within hours."""

import numpy as np

from stillwatch.simulation.interface import CampaignPlan, Rows, Tactic
from stillwatch.simulation.keys import mix
from stillwatch.simulation.tactics.seed_sweep import SEEDS
from stillwatch.simulation.tactics.trace_elicitation import TRACE


def _succeed(rng: np.random.Generator, rows: Rows, plan: CampaignPlan) -> None:
    """Ban the first half one by one; the second half signs up a few hours later each."""
    half = len(rows) // 2
    old, new = rows[:half], rows[half : 2 * half]
    bans = plan.days * rng.uniform(0.15, 0.8, half)
    old["banned"] = old["last"] = bans
    opened = bans + rng.uniform(0.05, 0.7, half)
    new["first"], new["age"] = opened, -opened
    # A successor keeps one of: the card, the device, the place. Sometimes nothing.
    kept = rng.integers(0, 4, half)
    for number, name in enumerate(("card", "device", "site")):
        new[name] = np.where(kept == number, old[name], new[name])
    new["handle"] = np.where(
        rng.random(half) < 0.2, mix(old["handle"], 0) & np.uint64(0xFF), new["handle"]
    )


BAN_EVASION = Tactic(
    "ban_evasion", "replaces banned accounts by successors", (SEEDS, TRACE),
    ("hobby_chat", "professional_developer", "templated_pipeline"),
    rate=(15, 50), cover=(0.1, 0.7), operate=_succeed,
)  # fmt: skip
