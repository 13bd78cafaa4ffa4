"""What raises the power through a neural student at a quarter of marked text: text, cold, or repeats?

The quick students of ``neural``, each of a key that its table does not use, answer more, or at a lower
temperature. Two exact tests read the answers: the product's, where each distinct pair of tokens counts
once, and one that weighs a pair by floor(log2(times seen)) + 1. The weights come of the text alone, so
that under a key without part in it each pair still is an independent draw, and the sum of the weights of
green pairs is a sum of scaled binomials, whose tail is summed here in full. Needs PyTorch, transformers.

cd bench && python -m correlation.repeats [--runs 8] [--minutes 0] [--json]
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats
from tokenizers import Tokenizer

from common import arguments, emit
from correlation import neural
from correlation.figures import share
from correlation.world import folder_or_none
from stillwatch.provenance.marks.greenlist import green_mask
from stillwatch.provenance.marks.keys import Key
from stillwatch.provenance.marks.processor import GreenListProcessor

PART = 0.25
FIRST = 10
"""First key; ``neural`` uses those from 0 on, and 60 was looked at before the weights were chosen."""
ASKED = ((1.0, 10_000), (1.0, 20_000), (0.7, 10_000))
"""Temperature and tokens of the answers."""
TESTS = ("once", "weighed")
Table = npt.NDArray[np.bool_]


def keys() -> list[Key]:
    """The ring of ``neural``."""
    return [
        Key(f"cohort-{i:02}", np.random.default_rng(900 + i).bytes(16)) for i in range(neural.KEYS)
    ]


def greens(key: Key, vocabulary: int) -> Table:
    """Which token is green after which; shape (vocabulary, vocabulary)."""
    return np.stack([green_mask(key, i, vocabulary, neural.GAMMA) for i in range(vocabulary)])


def tests(
    tokenizer: Tokenizer, answered: Sequence[list[int]], tables: Sequence[Table]
) -> npt.NDArray[np.float64]:
    """p-values of some answers, read as text; shape (tests, keys)."""
    read = [np.array(tokenizer.encode(tokenizer.decode(ids)).ids, int) for ids in answered]
    both = np.concatenate([np.stack([ids[:-1], ids[1:]]) for ids in read if ids.size > 1], axis=1)
    pairs, seen = np.unique(both, axis=1, return_counts=True)
    weights = np.floor(np.log2(seen)).astype(int) + 1
    return np.array(
        [
            [_tail(w)[int(w[t[*pairs]].sum())] for t in tables]
            for w in (np.ones_like(weights), weights)
        ]
    )


def _tail(weights: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
    """Chance of each sum, or a larger one, of the weights of pairs that are green by chance."""
    chance = np.ones(1)
    for weight, count in zip(*np.unique(weights, return_counts=True), strict=True):
        scaled = np.zeros(count * weight + 1)
        scaled[::weight] = stats.binom.pmf(np.arange(count + 1), count, neural.GAMMA)
        chance = np.convolve(chance, scaled)
    return np.cumsum(chance[::-1])[::-1]


def measured(runs: int, minutes: int = 0) -> dict[str, Any]:
    """The table, or why not."""
    why, folder = neural.missing(), folder_or_none()
    if why or folder is None:
        return {"skipped": why}
    size = neural.QUICK
    data, teacher, base = _models(folder, size)
    ring = keys()
    tables = [greens(key, size.vocabulary) for key in ring]
    found: dict[tuple[float, int], list[npt.NDArray[np.float64]]] = {asked: [] for asked in ASKED}
    begun = time.perf_counter()
    served = range(FIRST, FIRST + runs)
    for run in served:
        if minutes and time.perf_counter() - begun > 60 * minutes:
            served = range(FIRST, run)
            break
        processor = GreenListProcessor(ring[run], neural.GAMMA, neural.DELTA)
        marked = neural.generate(teacher, int(PART * size.corpus), run, processor)
        rng = np.random.default_rng(100 + run)
        text = neural.mix(marked, data.clean, PART, size.corpus, rng)
        student = neural.fine_tuned(base, text, size, run)
        for heat in dict.fromkeys(heat for heat, _ in ASKED):
            sizes = [tokens for h, tokens in ASKED if h == heat]
            answered = neural.generate(student, max(sizes), 1000 + run, temperature=heat)
            for tokens in sizes:
                part = neural.first_of(answered, tokens)
                found[heat, tokens].append(tests(data.tokenizer, part, tables))
        said = [f"{p:.1e}" for asked in ASKED for p in found[asked][-1][:, run]]
        print(f"key {run}: {' '.join(said)}", file=sys.stderr, flush=True)
    return _table(found, served)


def _models(folder: Path, size: neural.Size) -> tuple[neural.Texts, Any, Any]:
    import torch

    torch.manual_seed(1)
    data = neural.texts(folder, size.vocabulary)
    teacher = neural.llama(*size.teacher, size.vocabulary)
    neural.train(teacher, data.teaching, size.teaching_steps, 4e-3, seed=1)
    base = neural.llama(*size.student, size.vocabulary)
    return data, teacher, neural.train(base, data.clean, size.base_steps, 4e-3, seed=2)


def _table(
    found: dict[tuple[float, int], list[npt.NDArray[np.float64]]], served: range
) -> dict[str, Any]:
    rows = []
    for (heat, tokens), p in found.items():
        for i, test in enumerate(TESTS):
            own = np.array([run[i, key] for run, key in zip(p, served, strict=True)])
            wrong = np.concatenate([np.delete(run[i], k) for run, k in zip(p, served, strict=True)])
            rows.append(
                [
                    f"{heat:g}",
                    f"{tokens:,}",
                    test,
                    share(int((own < 0.001).sum()), own.size),
                    f"{np.median(own):.1e}",
                    f"{own.max():.1e}",
                    share(int((wrong < 0.001).sum()), wrong.size),
                    share(int((wrong < 0.05).sum()), wrong.size),
                ]
            )
    head = ("temperature", "tokens of answers", "each distinct pair", "p < 0.001", "median p",
            "largest p", "wrong keys, p < 0.001", "wrong keys, p < 0.05")  # fmt: skip
    title = f"A quarter of the training text marked, delta {neural.DELTA:g}, {len(served)} students of fresh keys"
    return {"tables": [{"title": title, "head": head, "rows": rows}]}


if __name__ == "__main__":
    options = arguments(__doc__, runs=8, minutes=0)
    emit(measured(options.runs, options.minutes), options.json)
