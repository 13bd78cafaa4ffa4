"""Collecting code and agent trajectories."""

import pyarrow as pa

from stillwatch.simulation.compose import by_choice
from stillwatch.simulation.interface import JobDraft, Manner, Tactic, Target


def _tasks(job: JobDraft) -> pa.StringArray:
    rules = ("code.task", "code.task", "code.agent")
    return by_choice(
        job.items % len(rules), rules, lambda rule: job.library.items(rule, job.set_key, job.items)
    )


CODE = Target(
    "code_and_agents", _tasks, ("agent.head", "trace.head"), ("agent.tail",),
    Manner(max_tokens=0.7, limits=(2048, 4096, 8192, 16384), threads=0.35, tools=0.5, json=0.15,
           reasoning=0.4, stream=0.5, temperatures=(0, -1, 0.7, 1),
           systems=("", "system.plain", "system.framework"), output=(300, 1100)),
)  # fmt: skip
CAPABILITY_SWEEP = Tactic(
    "capability_sweep", "collects code and tool-use trajectories", (CODE,),
    ("professional_developer", "agent_framework"),
    rate=(14, 60),
)  # fmt: skip
