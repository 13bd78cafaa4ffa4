"""The same extraction in several languages."""

import pyarrow as pa

from stillwatch.simulation.compose import by_choice, join
from stillwatch.simulation.interface import JobDraft, Manner, Tactic, Target
from stillwatch.simulation.keys import mix

_TONGUES = ("zh", "ru", "es", "de")


def _tasks(job: JobDraft) -> pa.StringArray:
    """A scaffold and two sentences in the language of the item."""

    def write(tongue: str) -> pa.StringArray:
        head = job.library.text(f"{tongue}.head", mix(job.variants, 1) % 40 + job.set_key % 1000)
        task = job.library.items(f"task.{tongue}", job.set_key, job.items)
        more = job.library.items(f"chat.{tongue}", job.set_key ^ 1, job.items)
        return join(head, task, "\n", more)

    return by_choice(job.items % len(_TONGUES), _TONGUES, write)


MULTILINGUAL = Target(
    "many_languages", _tasks, ("empty",), ("empty",),
    Manner(max_tokens=0.6, limits=(1024, 2048, 4096), threads=0.3, reasoning=0.4, stream=0.4,
           json=0.1, temperatures=(-1, 0, 0.7, 1), output=(250, 900)),
)  # fmt: skip
MULTILINGUAL_SWEEP = Tactic(
    "multilingual_sweep", "extracts in several languages", (MULTILINGUAL,),
    ("translation_team", "hobby_chat", "shared_address"),
    rate=(10, 40),
)  # fmt: skip
