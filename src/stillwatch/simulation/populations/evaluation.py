"""Teams that measure models: public benchmarks run by strangers, and judges with rubrics."""

import numpy as np
import pyarrow as pa

from stillwatch.simulation.compose import by_choice, join, where
from stillwatch.simulation.interface import Draft, Manner, Population, Rhythm, Standing
from stillwatch.simulation.keys import fresh, mix, pick

_ITEMS = 900
"""Items of a public benchmark."""
_BENCHES = ("bench.math", "bench.code", "bench.choice", "bench.cot")


def _bench(draft: Draft) -> pa.StringArray:
    """Items of the benchmark of the day; unrelated teams send the very same items."""
    bench = pick(mix(draft.account, 70 + draft.day // 3), len(_BENCHES))
    item = pick(fresh(draft.rng, len(draft)), _ITEMS).astype(np.uint64)

    def write(rule: str) -> pa.StringArray:
        known = draft.library.real(rule) or rule != "bench.cot"
        return draft.library.text(rule if known else "puzzle", mix(item, 0xBE))

    # A handful of public harnesses is in use, so their wording is common property.
    harness = pick(mix(draft.account, 72), 7).astype(np.uint64)
    head, tail = (draft.library.text(rule, mix(harness, 73)) for rule in ("eval.head", "eval.tail"))
    body = by_choice(bench, _BENCHES, write)
    return where(bench == 1, body, join(head, body, tail))


def _judge(draft: Draft) -> pa.StringArray:
    head = draft.own("judge.head", draft.day // 7)
    return join(head, draft.text("judge.body"), draft.own("grade.tail"))


HARNESS = Population(
    "evaluation_harness", 3, "unrelated teams that run the same public benchmarks", _bench,
    Rhythm(90, 0.9, (0.1, 0.5), (0.3, 1), ("run",)),
    Manner(max_tokens=0.9, limits=(16, 512, 1024, 2048), threads=0.1, logprobs=0.4, json=0.05,
           reasoning=0.4, stream=0.1, choices=0.1, batch=0.1, temperatures=(0, 0, 0, 0.7),
           systems=("", "", "system.plain"), output=(100, 900)),
    Standing(("cloud", "campus", "office", "home"), clients=("sdk",), organised=0.4, adoption=1.5,
             paths=("self_serve", "research_programme", "enterprise", "startup_programme")),
)  # fmt: skip
JUDGES = Population(
    "llm_judge_team", 2, "teams that grade the answers of their own assistant", _judge,
    Rhythm(28, 0.9, (0.4, 0.9), (0.1, 0.9), ("run", "flat", "office")),
    Manner(max_tokens=0.8, limits=(256, 512, 1024), threads=0.1, logprobs=0.2, json=0.5,
           reasoning=0.4, stream=0.1, batch=0.1, temperatures=(0, 0, 0, 1),
           systems=("", "system.plain", "system.app"), output=(80, 350)),
    Standing(("cloud", "office"), clients=("sdk",), organised=0.7,
             paths=("self_serve", "enterprise", "startup_programme", "research_programme")),
)  # fmt: skip
