"""Having delicate questions rewritten into harmless ones, with answers to match."""

import pyarrow as pa

from stillwatch.simulation.compose import by_choice
from stillwatch.simulation.interface import JobDraft, Manner, Tactic, Target


def _questions(job: JobDraft) -> pa.StringArray:
    rules = ("sensitive", "sensitive", "sensitive", "news.ask")
    return by_choice(
        job.items % len(rules), rules, lambda rule: job.library.items(rule, job.set_key, job.items)
    )


SOFTEN = Target(
    "safe_rewrites", _questions, ("soften.head",), ("soften.tail",),
    Manner(max_tokens=0.6, limits=(512, 1024, 2048), threads=0.3, json=0.35, stream=0.3,
           temperatures=(0, 0.7, -1, 1), output=(150, 600)),
)  # fmt: skip
SENSITIVE_REWRITE = Tactic(
    "sensitive_rewrite", "launders politically delicate questions", (SOFTEN,),
    ("content_publisher", "translation_team", "hobby_chat", "shared_address"),
    rate=(8, 35),
)  # fmt: skip
