"""Classrooms (one assignment, one address, one hour) and tutoring applications."""

import pyarrow as pa

from stillwatch.simulation.compose import casual, join, where, with_follow_ups
from stillwatch.simulation.interface import Draft, Manner, Population, Rhythm, Standing
from stillwatch.simulation.keys import mix, pick


def _lesson(draft: Draft) -> pa.StringArray:
    """Four questions that the whole class was given today, pasted or retold."""
    question = mix(draft.site, 500 + draft.day) + pick(mix(draft.thread, 1), 4).astype("uint64")
    task = draft.library.text("homework", question)
    retold = join(draft.own("hello", draft.day), task, " ", draft.text("detail"))
    first = where(draft.rng.random(len(draft)) < 0.5, task, retold)
    return casual(draft, with_follow_ups(draft, first), 0.4)


def _tutor(draft: Draft) -> pa.StringArray:
    return join(draft.own("tutor.head"), draft.text("homework"), draft.own("tutor.tail"))


CLASSROOM = Population(
    "classroom", 7, "students with one assignment in one room in one hour", _lesson,
    Rhythm(10, 0.5, (0.6, 0.95), (0, 0), ("lesson",), turns=1.8, gap=150),
    Manner(max_tokens=0.05, threads=0.8, stream=0.8, reasoning=0.3),
    Standing(("campus",), group=22, paths=("education", "education", "self_serve"), verified=0.6,
             organised=0.8, shared_card=0.3, age=(-4, 120), addresses=(1, 2)),
)  # fmt: skip
TUTORING = Population(
    "tutoring_app", 2.5, "applications that ask for worked steps on behalf of pupils", _tutor,
    Rhythm(22, 0.9, (0.7, 1), (0.4, 1.1), ("evening", "waking")),
    Manner(max_tokens=0.8, threads=0.3, json=0.2, reasoning=0.4, logprobs=0.05,
           temperatures=(0, 0.3, 0.7, -1), systems=("system.app", ""), output=(250, 900)),
    Standing(("cloud", "office"), clients=("sdk",), organised=0.8, end_users=(10, 400),
             paths=("self_serve", "startup_programme", "education"), age=(3, 600)),
)  # fmt: skip
