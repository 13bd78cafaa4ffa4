"""Using the model as a reward model: grades and preferences for someone else's training."""

import pyarrow as pa

from stillwatch.simulation.interface import JobDraft, Manner, Tactic, Target


def _pairs(job: JobDraft) -> pa.StringArray:
    rule = "grade.full" if job.library.real("grade.full") else "grade.body"
    return job.library.items(rule, job.set_key, job.items)


RUBRIC = Target(
    "rubric_grades", _pairs, ("grade.head",), ("grade.tail",),
    Manner(max_tokens=0.7, limits=(256, 512, 1024, 2048), threads=0.15, logprobs=0.25, json=0.4,
           reasoning=0.4, stream=0.2, temperatures=(0, 0, 1, -1), output=(100, 500)),
)  # fmt: skip
RUBRIC_GRADER = Tactic(
    "rubric_grader", "has candidate answers graded by rubric", (RUBRIC,),
    ("llm_judge_team", "templated_pipeline", "professional_developer", "support_back_end"),
    rate=(12, 50),
)  # fmt: skip
