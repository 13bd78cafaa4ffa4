"""Self-instruct: a systematic walk over many kinds of tasks to collect answers."""

import pyarrow as pa

from stillwatch.simulation.interface import JobDraft, Manner, Tactic, Target


def _seeds(job: JobDraft) -> pa.StringArray:
    return job.library.items("seed", job.set_key, job.items)


SEEDS = Target(
    "instruction_answers", _seeds, ("sweep.head",), ("sweep.tail",),
    Manner(max_tokens=0.7, limits=(1024, 2048, 4096), threads=0.3, json=0.2, logprobs=0.05,
           reasoning=0.25, stream=0.4, choices=0.08, temperatures=(0.7, 1, -1, 0),
           output=(200, 900)),
)  # fmt: skip
SEED_SWEEP = Tactic(
    "seed_task_sweep", "covers topics systematically with seed tasks", (SEEDS,),
    ("hobby_chat", "content_publisher", "templated_pipeline", "shared_address"),
    rate=(10, 45),
)  # fmt: skip
