"""Making the model write out its reasoning, problem after problem."""

import pyarrow as pa

from stillwatch.simulation.compose import by_choice
from stillwatch.simulation.interface import JobDraft, Manner, Tactic, Target


def _problems(job: JobDraft) -> pa.StringArray:
    rules = ("puzzle", "puzzle", "seed", "bench.math")
    return by_choice(
        job.items % len(rules), rules, lambda rule: job.library.items(rule, job.set_key, job.items)
    )


TRACE = Target(
    "reasoning_traces", _problems, ("trace.head",), ("trace.tail",),
    Manner(max_tokens=0.7, limits=(2048, 4096, 8192), threads=0.3, logprobs=0.08, json=0.1,
           reasoning=0.5, stream=0.4, temperatures=(-1, 0, 0.7, 1), output=(300, 1200)),
)  # fmt: skip
TRACE_ELICITATION = Tactic(
    "trace_elicitation", "asks for written-out reasoning on a set of problems", (TRACE,),
    ("tutoring_app", "professional_developer", "evaluation_harness", "hobby_chat"),
    rate=(10, 45),
)  # fmt: skip
